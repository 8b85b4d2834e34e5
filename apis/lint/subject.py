"""What is looked at: an API with its routes and policies, as its rows are saved."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pydantic
from django.db.models import Exists, OuterRef, Prefetch, QuerySet

from apis.automated import holding
from apis.automated.models import AutomatedPolicy
from apis.contracts.models import Contract, Tier
from apis.desired import DesiredRoute, desired_routes
from apis.documents.specification import Specification
from apis.lint.finding import Place, policy_place
from apis.models import ApiInstance, PolicyBinding, Route
from apis.rules import own_document
from apis.rules.policy_config import merged
from apis.secret_groups import references
from apis.secret_groups.models import Secret
from gateways.protocol import mentions
from policies import catalog
from policies.policy import Policy, PolicyConfig

Texts = Mapping[UUID | None, str]
"""Of OpenAPI documents."""


@dataclass(frozen=True)
class Applied:
    """One of the API's own. `policy` is None where the catalog has it no longer, `config` where unsound.

    It does nothing where it `rests_for` an automated one.
    """

    binding: PolicyBinding
    policy: Policy[Any] | None
    config: PolicyConfig | None
    rests_for: AutomatedPolicy | None = None

    @property
    def place(self) -> Place:
        label = f" ({self.binding.label})" if self.binding.label else ""
        return policy_place(self.binding.api_id, self.binding.pk, f"{self.binding.title}{label}")


@dataclass(frozen=True)
class Running:
    """One that is sound and acts on requests, of the API's own or automated."""

    binding: PolicyBinding | AutomatedPolicy
    policy: Policy[Any]
    config: PolicyConfig
    place: Place

    @property
    def is_enforced(self) -> bool:
        return self.binding.mode != PolicyBinding.Mode.OBSERVE

    @property
    def is_own(self) -> bool:
        return isinstance(self.binding, PolicyBinding)


@dataclass(frozen=True)
class Subject:
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

    @property
    def running(self) -> list[Running]:
        """Of those on requests."""
        found = []
        for one in self.automated:
            policy, config = _read(self.api, one, self.texts, self.values)
            if policy and config:
                place = Place(f"automated:{one.pk}", f"Automated policy {one}", one.get_absolute_url())
                found.append(Running(one, policy, config, place))
        for own in self.inbound:
            if own.policy and own.config and not own.binding.is_disabled and not own.rests_for:
                found.append(Running(own.binding, own.policy, own.config, own.place))
        return found


def subject(api: ApiInstance, bindings: Iterable[PolicyBinding] | None = None) -> Subject:
    """Of its rows as the database has them; `bindings` in the place of its policies, in their order."""
    (made,) = _subjects(list(_with_rows([api.pk])), None if bindings is None else list(bindings))
    return made


def subjects(apis: Iterable[int]) -> list[Subject]:
    """Of several of one environment, in as many queries however many there are."""
    return list(_subjects(list(_with_rows(apis)), None))


def _with_rows(ids: Iterable[int]) -> QuerySet[ApiInstance]:
    routes = Route.objects.prefetch_related("targets__upstream__tls_context")
    rows = ApiInstance.objects.filter(pk__in=ids).select_related("asset", "tls_context")
    of_api = {"api": OuterRef("pk")}
    approved = Contract.objects.order_by().filter(**of_api, status=Contract.Status.APPROVED)
    rows = rows.annotate(
        has_contracts=Exists(approved), has_tiers=Exists(Tier.objects.order_by().filter(**of_api))
    )
    return rows.prefetch_related(Prefetch("routes", routes), "policies", "upstreams")


def _subjects(apis: list[ApiInstance], given: list[PolicyBinding] | None) -> Iterator[Subject]:
    held = _held(apis)
    of_each = {api.pk: list(api.policies.all()) if given is None else given for api in apis}
    texts = _documents(apis, {pk: [*found, *held.get(pk, ())] for pk, found in of_each.items()})
    configs = [one.config for found in of_each.values() for one in found]
    configs += [one.config for found in held.values() for one in found]
    values, secrets = _mentioned(apis, configs)
    for api in apis:
        own = {one.policy for one in of_each[api.pk] if not one.is_disabled and not one.is_outbound}
        automated = holding.running(held.get(api.pk, ()), own)
        applied = [_applied(api, one, (texts, values), automated) for one in of_each[api.pk]]
        yield Subject(
            api,
            desired_routes(api.routes.all()),
            [one for one in applied if not one.binding.is_outbound],
            [one for one in applied if one.binding.is_outbound],
            held.get(api.pk, ()),
            automated,
            texts,
            values,
            [secrets[key] for key in _keys(of_each[api.pk], held.get(api.pk, ())) if key in secrets],
            api.has_contracts,  # type: ignore[attr-defined]  # annotated
            api.has_tiers,  # type: ignore[attr-defined]
        )


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
    api: ApiInstance,
    binding: PolicyBinding,
    known: tuple[Texts, references.Values],
    automated: Sequence[AutomatedPolicy],
) -> Applied:
    binding.api = api
    policy, config = _read(api, binding, *known)
    wins = (one for one in automated if one.policy == binding.policy and one.policy in holding.resting([one]))
    can_rest = not (binding.is_disabled or binding.is_outbound)
    return Applied(binding, policy, config, next(wins, None) if can_rest else None)


def _read(
    api: ApiInstance, binding: PolicyBinding | AutomatedPolicy, texts: Texts, values: references.Values
) -> tuple[Policy[Any] | None, PolicyConfig | None]:
    try:
        policy = catalog.find(binding.policy)
    except catalog.UnknownPolicy:
        return None, None
    whole = references.put(merged(binding.config, binding.secrets), values)
    if own_document.is_asked_for(policy, whole):
        whole = own_document.filled(policy, whole, texts.get(api.asset.specification_id, ""))
    try:
        return policy, policy.config.model_validate(whole)
    except pydantic.ValidationError:
        return policy, None
