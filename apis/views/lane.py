"""An API's policies as the lane shows them: in the order in which a request meets them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pydantic
from django.db.models import Exists, OuterRef

from apis.automated import holding
from apis.automated.models import AutomatedPolicy
from apis.models import ApiInstance, PolicyBinding, RouteUpstream
from apis.rules import policy_advice
from apis.rules.policy_config import merged
from policies import catalog, order
from policies.policy import Policy
from policies.summary import summary


@dataclass(frozen=True)
class AppliedPolicy:
    """`policy` is None when the catalog no longer has it; such a one can only be removed. `upstreams` are the
    words for those that an outbound policy acts on.
    """

    binding: PolicyBinding
    policy: Policy[Any] | None
    summary: str
    warnings: tuple[str, ...] = ()
    upstreams: tuple[str, ...] = ()
    rests_for: AutomatedPolicy | None = None
    """The automated policy that runs in its place."""

    @property
    def title(self) -> str:
        return self.policy.title if self.policy else self.binding.policy

    @property
    def icon(self) -> str:
        return self.policy.icon if self.policy else "circle-question-mark"

    @property
    def conditions(self) -> list[str]:
        """Which requests it is for, in words; empty for all of them."""
        return conditions_of(self.binding)


def conditions_of(binding: PolicyBinding | AutomatedPolicy) -> list[str]:
    return [
        f"{one.get('methodRegex') or 'any method'} {one.get('uriTemplateRegex') or 'any path'}"
        for one in binding.conditions
    ]


@dataclass(frozen=True)
class HeldPolicy:
    """An automated policy whose rule covers the API; `yields` says why it does not run there all the same."""

    binding: AutomatedPolicy
    policy: Policy[Any] | None
    summary: str
    yields: str = ""

    @property
    def title(self) -> str:
        return self.policy.title if self.policy else self.binding.policy

    @property
    def icon(self) -> str:
        return self.policy.icon if self.policy else "circle-question-mark"

    @property
    def conditions(self) -> list[str]:
        return conditions_of(self.binding)


@dataclass(frozen=True)
class Lane:
    """All that requests to an API, and those to its upstreams, pass, in order."""

    automated: list[HeldPolicy]
    inbound: list[AppliedPolicy]
    outbound: list[AppliedPolicy]


def lane(api: ApiInstance) -> Lane:
    rows = list(api.policies.all())
    inbound = [one for one in rows if not one.is_outbound]
    return ordered(api, inbound, [one for one in rows if one.is_outbound])


def ordered(api: ApiInstance, inbound: list[PolicyBinding], others: list[PolicyBinding]) -> Lane:
    """With these as its own, in this order."""
    held = holding.of_api(api)
    runs = holding.running(held, {one.policy for one in inbound if not one.is_disabled})
    automated = [held_of(one, "" if one in runs else _why_not(one, runs)) for one in held]
    return Lane(automated, in_order(inbound, runs), outbound(api, others))


def held_of(one: AutomatedPolicy, yields: str = "") -> HeldPolicy:
    try:
        policy = catalog.find(one.policy)
    except catalog.UnknownPolicy:
        return HeldPolicy(one, None, "No longer in the catalog", yields)
    return HeldPolicy(one, policy, summary(policy.config.model_json_schema(), one.config), yields)


def _why_not(one: AutomatedPolicy, runs: list[AutomatedPolicy]) -> str:
    first = next((other for other in runs if other.policy == one.policy), None)
    return f"{first} runs in its place." if first else "The API's own runs in its place."


def outbound(api: ApiInstance, bindings: Iterable[PolicyBinding]) -> list[AppliedPolicy]:
    """With a warning where no route leads to an upstream."""
    found = list(bindings)
    if not found:
        return []
    rows = api.upstreams.annotate(is_routed=Exists(RouteUpstream.objects.filter(upstream=OuterRef("pk"))))
    known = {row.pk: row for row in rows}
    return [_outbound(binding, known) for binding in found]


def _outbound(binding: PolicyBinding, known: Mapping[UUID, Any]) -> AppliedPolicy:
    own = [known[pk] for pk in binding.upstreams if pk in known]
    unused = [f"No route leads to {row}: it does nothing there." for row in own if not row.is_routed]
    one = applied_of(binding)
    return replace(one, upstreams=tuple(map(str, own)), warnings=(*one.warnings, *unused))


def in_order(bindings: list[PolicyBinding], before: Sequence[AutomatedPolicy] = ()) -> list[AppliedPolicy]:
    """With a warning, too, where one does not get what it reads from a policy before it.

    The automated ones that run before them are among those, and their own of those policies may rest.
    """
    applied = [_applied(binding, before) for binding in bindings]
    automated = [(None, use) for one in before if (use := _use(one))]
    own = [(one, use) for one in applied if not one.rests_for and (use := _use(one.binding))]
    running: list[tuple[AppliedPolicy | None, order.Use]] = [*automated, *own]
    found = {id(running[at][0]): message for at, message in order.misplaced([use for _, use in running])}
    return [
        replace(one, warnings=(*one.warnings, f"It {found[id(one)]}.")) if id(one) in found else one
        for one in applied
    ]


def _applied(binding: PolicyBinding, before: Sequence[AutomatedPolicy]) -> AppliedPolicy:
    wins = (one for one in before if one.policy in holding.resting([one]))
    first = next((one for one in wins if one.policy == binding.policy), None)
    return replace(applied_of(binding), rests_for=None if binding.is_disabled else first)


def _use(binding: PolicyBinding | AutomatedPolicy) -> order.Use | None:
    """The policy and its configuration; None when it does not run."""
    if binding.is_disabled:
        return None
    try:
        policy = catalog.find(binding.policy)
        return policy, policy.config.model_validate(merged(binding.config, binding.secrets))
    except (catalog.UnknownPolicy, pydantic.ValidationError):
        return None


def applied_of(binding: PolicyBinding) -> AppliedPolicy:
    try:
        policy = catalog.find(binding.policy)
    except catalog.UnknownPolicy:
        return AppliedPolicy(binding, None, "No longer in the catalog")
    said = tuple(policy_advice.sentences(binding.api, binding))
    return AppliedPolicy(binding, policy, summary(policy.config.model_json_schema(), binding.config), said)
