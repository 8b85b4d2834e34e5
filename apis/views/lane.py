"""An API's policies as the lane shows them: in the order in which a request meets them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from apis.automated.models import AutomatedPolicy
from apis.lint.finding import Finding
from apis.lint.findings import Findings, of_subject
from apis.lint.subject import Applied, LintedApi, Running, subject
from apis.lint.transport import identifies
from apis.models import ApiInstance, PolicyBinding
from console.forms.schema import of_model
from policies import catalog
from policies.policy import Policy, PolicyConfig
from policies.summary import summary


@dataclass(frozen=True)
class AppliedPolicy:
    """`policy` is None when the catalog no longer has it; such a one can only be removed. `upstreams` are the
    words for those that an outbound policy acts on.
    """

    binding: PolicyBinding
    policy: Policy[Any] | None
    summary: str
    findings: tuple[Finding, ...] = ()
    upstreams: tuple[str, ...] = ()
    rests_for: AutomatedPolicy | None = None
    """The automated policy that runs in its place."""
    acts_on_responses: bool = False

    @property
    def title(self) -> str:
        return self.policy.title if self.policy else self.binding.policy

    @property
    def icon(self) -> str:
        return self.policy.icon if self.policy else "circle-question-mark"

    @property
    def runs_first(self) -> bool:
        """Whether it does wherever it is put."""
        return self.policy is not None and self.policy.runs_first

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
    acts_on_responses: bool = False

    @property
    def title(self) -> str:
        return self.policy.title if self.policy else self.binding.policy

    @property
    def icon(self) -> str:
        return self.policy.icon if self.policy else "circle-question-mark"

    @property
    def runs_first(self) -> bool:
        return self.policy is not None and self.policy.runs_first

    @property
    def conditions(self) -> list[str]:
        return conditions_of(self.binding)


@dataclass(frozen=True)
class Lane:
    """All that requests to an API, and those to its upstreams, pass, in order; all that is found of it."""

    subject: LintedApi
    findings: Findings
    automated: list[HeldPolicy]
    inbound: list[AppliedPolicy]
    outbound: list[AppliedPolicy]

    @property
    def request(self) -> list[HeldPolicy | AppliedPolicy]:
        """What runs, in the order in which a request meets it; those that always run first do so here too."""
        held = [one for one in self.automated if not one.yields]
        own = [one for one in self.inbound if not one.binding.is_disabled and not one.rests_for]
        both: list[HeldPolicy | AppliedPolicy] = [*held, *own]
        return sorted(both, key=lambda one: not one.runs_first)

    @property
    def asking(self) -> list[str]:
        """The titles of those that refuse whoever sends no credentials, or none that are known."""
        found = [one for one in self.subject.running if identifies(one) and one.is_enforced]
        return [one.policy.title for one in found]

    @property
    def response(self) -> list[HeldPolicy | AppliedPolicy]:
        """What acts on answers, in the order in which one meets it on its way to the caller."""
        way = [*self.request, *self.sent]
        return [one for one in reversed(way) if one.acts_on_responses]

    @property
    def sent(self) -> list[AppliedPolicy]:
        """What runs on requests that are sent to upstreams."""
        return [one for one in self.outbound if not one.binding.is_disabled]


def lane(api: ApiInstance, bindings: Iterable[PolicyBinding] | None = None) -> Lane:
    """`bindings` in the place of those that are saved, and in their order."""
    seen = subject(api, bindings)
    found = of_subject(seen)
    upstreams = {one.pk: str(one) for one in seen.api.upstreams.all()}

    def shown(one: Applied) -> AppliedPolicy:
        words = summary(of_model(one.policy.config), one.binding.config) if one.policy else ""
        return AppliedPolicy(
            one.binding,
            one.policy,
            words if one.policy else "No longer in the catalog",
            tuple(found.at(one.place.id)),
            tuple(upstreams[pk] for pk in one.binding.upstreams if pk in upstreams),
            one.rests_for,
            _acts_on_responses(one.policy, one.config),
        )

    runs = [one for one in seen.held if one in seen.automated]
    both_ways = {one.binding.pk for one in seen.running if _of_rule_both_ways(one)} if runs else set()
    automated = [
        replace(
            held_of(one, "" if one in runs else _why_not(one, runs)),
            acts_on_responses=one.pk in both_ways,
        )
        for one in seen.held
    ]
    inbound, outbound = ([shown(one) for one in side] for side in (seen.inbound, seen.outbound))
    return Lane(seen, found, automated, inbound, outbound)


def _acts_on_responses(policy: Policy[Any] | None, config: PolicyConfig | None) -> bool:
    return policy is not None and config is not None and policy.acts_on_responses(config)


def _of_rule_both_ways(one: Running) -> bool:
    return not one.is_own and one.policy.acts_on_responses(one.config)


def held_of(one: AutomatedPolicy, yields: str = "") -> HeldPolicy:
    try:
        policy = catalog.find(one.policy)
    except catalog.UnknownPolicy:
        return HeldPolicy(one, None, "No longer in the catalog", yields)
    return HeldPolicy(one, policy, summary(of_model(policy.config), one.config), yields)


def _why_not(one: AutomatedPolicy, runs: list[AutomatedPolicy]) -> str:
    first = next((other for other in runs if other.policy == one.policy), None)
    return f"{first} runs in its place." if first else "The API's own runs in its place."
