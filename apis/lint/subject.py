"""What is looked at: an API with its routes and policies, as its rows are saved."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from apis.automated import holding, rule
from apis.automated.models import AutomatedPolicy
from apis.client_providers import filling
from apis.contracts.models import Contract, Tier
from apis.desired import DesiredRoute, desired_routes
from apis.documents.specification import Specification
from apis.lint.finding import FindingPlace, policy_place
from apis.models import ApiInstance, PolicyBinding, Route
from apis.rules import own_document
from apis.rules.config_reading import reading
from apis.rules.config_reading.reading import ReadConfig
from apis.rules.policy_config import merged
from apis.secret_groups import references
from apis.secret_groups.models import Secret
from gateways.protocol import mentions
from policies import catalog
from policies.policy import Policy, PolicyConfig
from policies.traits import ClientProvider

Texts = Mapping[UUID | None, str]
"""Of OpenAPI documents."""


class LintContext(NamedTuple):
    """What configurations refer to: documents, what mentions of shared secrets stand for, those secrets by
    group and name, and the environment's client provider.
    """

    texts: Texts
    values: references.Values
    secrets: Mapping[str, Secret] = MappingProxyType({})
    provider: ClientProvider | None = None


@dataclass(frozen=True)
class Applied:
    """One of the API's own. `policy` is None where the catalog has it no longer, `read` where unsound.

    It does nothing where it `rests_for` an automated one.
    """

    binding: PolicyBinding
    policy: Policy[Any] | None
    read: ReadConfig | None
    rests_for: AutomatedPolicy | None = None

    @property
    def config(self) -> PolicyConfig | None:
        return self.read.model if self.read else None

    @property
    def place(self) -> FindingPlace:
        label = f" ({self.binding.label})" if self.binding.label else ""
        return policy_place(self.binding.api_id, self.binding.pk, f"{self.binding.title}{label}")


@dataclass(frozen=True)
class Running:
    """One that is sound and acts on requests, of the API's own or automated."""

    binding: PolicyBinding | AutomatedPolicy
    policy: Policy[Any]
    config: PolicyConfig
    place: FindingPlace

    @property
    def is_enforced(self) -> bool:
        return self.binding.mode != PolicyBinding.Mode.OBSERVE

    @property
    def is_own(self) -> bool:
        return isinstance(self.binding, PolicyBinding)


@dataclass(frozen=True)
class LintedApi:
    """`inbound` in the order in which requests pass them, behind those of `held` that are `automated`: that
    run on the API.
    """

    api: ApiInstance
    routes: Sequence[DesiredRoute]
    inbound: Sequence[Applied]
    outbound: Sequence[Applied]
    held: Sequence[AutomatedPolicy]
    automated: Sequence[AutomatedPolicy]
    texts: Texts
    values: references.Values
    """Of the shared secrets that policies mention."""
    secrets: Sequence[Secret]
    """Those that policies of this API mention, automated ones too."""
    has_contracts: bool = False
    """Whether somebody may call by one that was approved."""
    has_tiers: bool = False
    provider: ClientProvider | None = None
    """The environment's, where a policy asks for it."""

    @cached_property
    def running(self) -> list[Running]:
        """Of those on requests."""
        return _running(
            self.api,
            self.inbound,
            self.automated,
            LintContext(self.texts, self.values, provider=self.provider),
        )

    @cached_property
    def acting(self) -> dict[UUID, list[str]]:
        """By upstream the names of the sound policies that act on it."""
        found: dict[UUID, list[str]] = {}
        for one in self.outbound:
            if one.policy and one.config and not one.binding.is_disabled:
                for pk in one.binding.upstreams:
                    found.setdefault(pk, []).append(one.policy.name)
        return found


def subject(api: ApiInstance, bindings: Iterable[PolicyBinding] | None = None) -> LintedApi:
    """Of its rows as the database has them; `bindings` in the place of its policies, in their order."""
    (made,) = _subjects(list(_with_rows([api.pk])), None if bindings is None else list(bindings))
    return made


def subjects(apis: Iterable[int]) -> list[LintedApi]:
    """Of several of one environment, in as many queries however many there are."""
    return list(_subjects(list(_with_rows(apis)), None))


def subjects_under(
    apis: Iterable[int], policies: Sequence[AutomatedPolicy]
) -> tuple[list[LintedApi], list[LintedApi]]:
    """Several of one environment as they are, and as they would be with these automated policies, in their
    order, in the place of those that there are. An unsaved one has the id 0.
    """
    rows = list(_with_rows(apis))
    subjects_of_rules = rule.subjects(ApiInstance.objects.filter(pk__in=[api.pk for api in rows]))
    held = holding.covering(policies, subjects_of_rules)
    return list(_subjects(rows, None)), list(_subjects(rows, None, held))


def running(api: ApiInstance, names: Collection[str]) -> list[Running]:
    """What `LintedApi.running` has of these policies, and nothing else is asked for."""
    own = {api.pk: list(api.policies.filter(policy__in=names))}
    rows = ApiInstance.objects.filter(pk=api.pk)
    held = holding.holding(api.environment_id, rows, names).by_api
    known = _known([api], own, held)
    applied, automated = _applied_on(api, own[api.pk], held.get(api.pk, ()), known)
    return _running(api, [one for one in applied if not one.binding.is_outbound], automated, known)


def _with_rows(ids: Iterable[int]) -> QuerySet[ApiInstance]:
    routes = Route.objects.prefetch_related("targets__upstream__tls_context")
    rows = ApiInstance.objects.filter(pk__in=ids).select_related("asset", "tls_context")
    of_api = {"api": OuterRef("pk")}
    approved = Contract.objects.order_by().filter(**of_api, status=Contract.Status.APPROVED)
    rows = rows.annotate(
        has_contracts=Exists(approved), has_tiers=Exists(Tier.objects.order_by().filter(**of_api))
    )
    return rows.prefetch_related(Prefetch("routes", routes), "policies", "upstreams")


def _subjects(
    apis: list[ApiInstance],
    given: list[PolicyBinding] | None,
    held: Mapping[int, holding.Held] | None = None,
) -> Iterator[LintedApi]:
    held = _held(apis) if held is None else held
    of_each = {api.pk: list(api.policies.all()) if given is None else given for api in apis}
    known = _known(apis, of_each, held)
    for api in apis:
        applied, automated = _applied_on(api, of_each[api.pk], held.get(api.pk, ()), known)
        yield LintedApi(
            api,
            desired_routes(api.routes.all()),
            [one for one in applied if not one.binding.is_outbound],
            [one for one in applied if one.binding.is_outbound],
            held.get(api.pk, ()),
            automated,
            known.texts,
            known.values,
            [
                known.secrets[key]
                for key in _keys(of_each[api.pk], held.get(api.pk, ()))
                if key in known.secrets
            ],
            api.has_contracts,  # type: ignore[attr-defined]  # annotated
            api.has_tiers,  # type: ignore[attr-defined]
            known.provider,
        )


def _known(
    apis: list[ApiInstance], own: Mapping[int, Sequence[PolicyBinding]], held: Mapping[int, holding.Held]
) -> LintContext:
    """What configurations of these policies refer to."""
    texts = _documents(apis, {pk: [*found, *held.get(pk, ())] for pk, found in own.items()})
    every: list[PolicyBinding | AutomatedPolicy] = [one for found in own.values() for one in found]
    every += [one for found in held.values() for one in found]
    asks = filling.any_asks((one.policy, one.config) for one in every)
    provider = filling.of(apis[0].environment_id) if asks else None
    return LintContext(texts, *_mentioned(apis, [one.config for one in every]), provider)


def _applied_on(
    api: ApiInstance, own: Sequence[PolicyBinding], held: holding.Held, known: LintContext
) -> tuple[list[Applied], list[AutomatedPolicy]]:
    """With those of the automated ones that run."""
    names = {one.policy for one in own if not one.is_disabled and not one.is_outbound}
    automated = holding.running(held, names)
    return [_applied(api, one, known, automated) for one in own], automated


def _running(
    api: ApiInstance, inbound: Iterable[Applied], automated: Iterable[AutomatedPolicy], known: LintContext
) -> list[Running]:
    found = []
    for one in automated:
        policy, read = _read(api, one, known)
        if policy and read:
            place = FindingPlace(f"automated:{one.pk}", f"Automated policy {one}", one.get_absolute_url())
            found.append(Running(one, policy, read.model, place))
    for own in inbound:
        if own.policy and own.config and not own.binding.is_disabled and not own.rests_for:
            found.append(Running(own.binding, own.policy, own.config, own.place))
    return found


def _mentioned(
    apis: list[ApiInstance], configs: Sequence[Mapping[str, Any]]
) -> tuple[references.Values, Mapping[str, Secret]]:
    """What mentions stand for, and the secrets by group and name: one query, or none."""
    if not apis:
        return {}, {}
    texts = {text for config in configs for _, text in mentions.found(config)}
    known = references.secrets(apis[0].environment_id, references.keys(*configs))
    return references.valued(texts, known), {"/".join(key): one for key, one in known.items()}


def _keys(own: Iterable[PolicyBinding], held: Iterable[AutomatedPolicy]) -> list[str]:
    configs = [one.config for one in own if not one.is_disabled]
    return references.keys(*configs, *(one.config for one in held))


def _held(apis: list[ApiInstance]) -> Mapping[int, holding.Held]:
    if not apis:
        return {}
    rows = ApiInstance.objects.filter(pk__in=[api.pk for api in apis])
    return holding.holding(apis[0].environment_id, rows).by_api


def _documents(
    apis: list[ApiInstance], bindings: Mapping[int, Sequence[PolicyBinding | AutomatedPolicy]]
) -> Texts:
    """Those that policies ask for."""
    asking = [api for api in apis if any(map(_asks, bindings[api.pk]))]
    keys = {api.asset.specification_id for api in asking} - {None}
    return dict(Specification.objects.filter(pk__in=keys).values_list("pk", "text")) if keys else {}


def _asks(binding: PolicyBinding | AutomatedPolicy) -> bool:
    try:
        return own_document.is_asked_for(catalog.find(binding.policy), binding.config)
    except catalog.UnknownPolicy:
        return False


def _applied(
    api: ApiInstance, binding: PolicyBinding, known: LintContext, automated: Sequence[AutomatedPolicy]
) -> Applied:
    binding.api = api
    policy, read = _read(api, binding, known)
    wins = (one for one in automated if one.policy == binding.policy and one.policy in holding.resting([one]))
    can_rest = not (binding.is_disabled or binding.is_outbound)
    return Applied(binding, policy, read, next(wins, None) if can_rest else None)


def _read(
    api: ApiInstance, binding: PolicyBinding | AutomatedPolicy, known: LintContext
) -> tuple[Policy[Any] | None, ReadConfig | None]:
    try:
        policy = catalog.find(binding.policy)
    except catalog.UnknownPolicy:
        return None, None
    whole = references.put(merged(binding.config, binding.secrets), known.values)
    if filling.asks(policy, whole):
        whole = filling.filled(policy, whole, known.provider)
    if own_document.is_asked_for(policy, whole):
        whole = own_document.filled(policy, whole, known.texts.get(api.asset.specification_id, ""))
    try:
        return policy, reading.trusted(policy, whole, lambda: api.environment.organization.root_id)
    except reading.Unsound:
        return policy, None
