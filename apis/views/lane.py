"""An API's policies as the lane shows them: in the order in which a request meets them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pydantic
from django.db.models import Exists, OuterRef

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

    @property
    def title(self) -> str:
        return self.policy.title if self.policy else self.binding.policy

    @property
    def icon(self) -> str:
        return self.policy.icon if self.policy else "circle-question-mark"

    @property
    def conditions(self) -> list[str]:
        """Which requests it is for, in words; empty for all of them."""
        return [
            f"{one.get('methodRegex') or 'any method'} {one.get('uriTemplateRegex') or 'any path'}"
            for one in self.binding.conditions
        ]


Sides = tuple[list[AppliedPolicy], list[AppliedPolicy]]


def sides(api: ApiInstance) -> Sides:
    """Those that requests pass, in order; those on requests that are sent to upstreams."""
    rows = list(api.policies.all())
    inbound = in_order([one for one in rows if not one.is_outbound])
    return inbound, outbound(api, [one for one in rows if one.is_outbound])


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


def in_order(bindings: list[PolicyBinding]) -> list[AppliedPolicy]:
    """With a warning, too, where one does not get what it reads from a policy before it."""
    applied = [applied_of(binding) for binding in bindings]
    running = [(one, uses) for one in applied if (uses := _use(one))]
    found = {id(running[at][0]): message for at, message in order.misplaced([use for _, use in running])}
    return [
        replace(one, warnings=(*one.warnings, f"It {found[id(one)]}.")) if id(one) in found else one
        for one in applied
    ]


def _use(one: AppliedPolicy) -> order.Use | None:
    """The policy and its configuration; None when it does not run."""
    if one.policy is None or one.binding.is_disabled:
        return None
    try:
        config = one.policy.config.model_validate(merged(one.binding.config, one.binding.secrets))
    except pydantic.ValidationError:
        return None
    return one.policy, config


def applied_of(binding: PolicyBinding) -> AppliedPolicy:
    try:
        policy = catalog.find(binding.policy)
    except catalog.UnknownPolicy:
        return AppliedPolicy(binding, None, "No longer in the catalog")
    said = tuple(policy_advice.sentences(binding.api, binding))
    return AppliedPolicy(binding, policy, summary(policy.config.model_json_schema(), binding.config), said)
