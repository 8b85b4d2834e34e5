"""Which automated policies hold for which APIs, and how they lie in what a gateway runs.

They are in no revision, as TLS contexts are not: a snapshot has each once, for all APIs that bear its label,
and APIs get their labels when it is built. So a change of one makes no revision of any API, and a deployed
API that comes under one, or out of it, needs none either.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.db.models import QuerySet

from apis.automated.models import AutomatedPolicy
from apis.automated.rule import CoverageRule, Crowd, RuleSubject, subjects
from apis.from_catalog import response_timeout
from apis.models import ApiInstance
from apis.revision import Document, name
from apis.rules.policy_config import merged
from console.compiled import CompiledQuery
from console.models import Environment
from gateways.protocol import resources as r
from policies import catalog

LABEL = "gatewright/automated-policy."
"""Of an API's document: with the policy's id, that it holds for the API."""
VERSION = "gateway.mulesoft.com/v1alpha1"
BEFORE_APIS_OWN = -10_000
"""What an API has of its own is numbered from 1."""

Held = tuple[AutomatedPolicy, ...]
"""In the order in which they run."""


@dataclass(frozen=True)
class Holding:
    """Those of an environment that are enabled; by API, those whose rules cover it."""

    by_api: Mapping[int, Held]

    @property
    def policies(self) -> list[AutomatedPolicy]:
        """Those that cover any of the APIs, in order."""
        found = {one.pk: one for held in self.by_api.values() for one in held}
        return sorted(found.values(), key=lambda one: (one.order, one.pk))


def holding(
    environment: Environment | Any,
    apis: QuerySet[ApiInstance] | None = None,
    names: Collection[str] | None = None,
) -> Holding:
    """`environment` may be its id. One query where it has none, else two; of all its APIs, or of these; of
    all policies, or of those of these names.
    """
    key = environment.pk if isinstance(environment, Environment) else environment
    policies = _ENABLED(environment=key) if names is None else list(_enabled(key).filter(policy__in=names))
    if not policies:
        return Holding({})
    found = ApiInstance.objects.filter(environment=key) if apis is None else apis
    return Holding(covering(policies, subjects(found)))


def _enabled(environment: Any) -> QuerySet[AutomatedPolicy]:
    return AutomatedPolicy.objects.filter(environment=environment, is_disabled=False)


_ENABLED = CompiledQuery(_enabled, environment=uuid4())


def covering(policies: Iterable[AutomatedPolicy], apis: Iterable[RuleSubject]) -> dict[int, Held]:
    crowd = Crowd(apis)
    held: dict[int, list[AutomatedPolicy]] = {pk: [] for pk in crowd.everybody}
    for one in policies:
        if not one.is_disabled:
            for pk in CoverageRule(one).of(crowd):
                held[pk].append(one)
    return {pk: tuple(found) for pk, found in held.items() if found}


def running(held: Sequence[AutomatedPolicy], own: Collection[str]) -> list[AutomatedPolicy]:
    """Those of them that run on an API that has these policies of its own, and runs them."""
    found: list[AutomatedPolicy] = []
    for one in held:
        is_beaten = one.conflicts == AutomatedPolicy.Conflicts.YIELDS and one.policy in own
        if not is_beaten and not (is_once(one) and any(one.policy == before.policy for before in found)):
            found.append(one)
    return found


def resting(runs: Iterable[AutomatedPolicy]) -> set[str]:
    """The policies that an API's own rest of, while these run on it."""
    return {one.policy for one in runs if one.conflicts == AutomatedPolicy.Conflicts.WINS}


def is_once(one: AutomatedPolicy) -> bool:
    """Whether an API can have the policy once only."""
    try:
        return bool(one.template.is_applied_once)
    except catalog.UnknownPolicy:
        return False


def split(
    held: Sequence[AutomatedPolicy], documents: Sequence[Document]
) -> tuple[list[AutomatedPolicy], list[Document]]:
    """Those that run on an API of these documents, and what is left of its own while they do."""
    own = {policy for one in documents if (policy := _own_policy(one))}
    runs = running(held, own)
    rest = resting(runs)
    return runs, [one for one in documents if _own_policy(one) not in rest]


def under(held: Sequence[AutomatedPolicy], documents: Sequence[Document]) -> list[Document]:
    """An API's documents as the gateway runs them: labelled for those that hold, without what rests."""
    if not held or not documents:
        return list(documents)
    runs, (first, *others) = split(held, documents)
    labels = first["metadata"]["labels"] | {label_of(one): "holds" for one in runs}
    labelled = first | {"metadata": first["metadata"] | {"labels": labels}}
    return [labelled, *others]


def resource(policy: AutomatedPolicy, secrets: Mapping[str, str] | None = None) -> r.PolicyBinding:
    """One for all APIs that bear its label, with its secrets, or with these words in their places."""
    rules = tuple(
        r.Rule(path=row.get("uriTemplateRegex"), methods=row.get("methodRegex")) for row in policy.conditions
    )
    kept: Mapping[str, str] = policy.secrets
    labels = {label_of(policy): "holds"}
    return r.PolicyBinding(
        api_version=VERSION,
        kind="PolicyBinding",
        metadata=r.Metadata(name=policy.resource_name, namespace=str(policy.environment_id)),
        spec=r.PolicyBindingSpec(
            target_ref=r.TargetRef(kind="Selector", selector=r.Selector(labels=labels)),
            policy_ref=r.PolicyRef(name=policy.policy),
            config=merged(policy.config, kept if secrets is None else secrets),
            order=BEFORE_APIS_OWN + policy.order,
            rules=rules,
            mode=policy.mode,
        ),
    )


def bindings(policies: Iterable[AutomatedPolicy]) -> list[r.PolicyBinding]:
    return [resource(one) for one in policies]


def of_api(api: ApiInstance) -> Held:
    """Those whose rules cover it, by what the database has of it."""
    return _of(api.environment_id, api.pk)


def of_api_under(api: ApiInstance, policy: AutomatedPolicy) -> Held:
    """The same with this policy, which need not be saved, in the place of its order."""
    others = [one for one in of_api(api) if one.pk != policy.pk]
    at = sum(one.order < policy.order for one in others)
    found = (*others[:at], policy, *others[at:])
    for order, one in enumerate(found, start=1):
        one.order = order
    return found


def of_api_with(pk: int) -> Held:
    """The same of an API of which only the id is known; of one that was deleted, none."""
    environment = ApiInstance.objects.filter(pk=pk).values_list("environment", flat=True).first()
    return _of(environment, pk) if environment else ()


def _of(environment: Any, pk: int) -> Held:
    return holding(environment, ApiInstance.objects.filter(pk=pk)).by_api.get(pk, ())


def label_of(policy: AutomatedPolicy) -> str:
    return f"{LABEL}{policy.pk or 0}"


def _own_policy(one: Document) -> str:
    """The policy that this document applies to requests to the API; "" where it does nothing such."""
    if one["kind"] != "PolicyBinding" or one["spec"]["targetRef"]["kind"] != "ApiInstance":
        return ""
    # The response timeout that an API's settings say is no policy of its own: the strictest one holds.
    if name(one) == f"{one['spec']['targetRef']['name']}-{response_timeout()}":
        return ""
    return str(one["spec"]["policyRef"]["name"])
