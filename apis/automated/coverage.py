"""Which APIs an automated policy holds for, as they are saved, and why it does not hold for the others."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from apis.automated import holding
from apis.automated.models import AutomatedPolicy
from apis.automated.rule import Crowd, Rule, subject, subjects
from apis.models import ApiInstance, PolicyBinding
from console.models import Environment

CONFLICTS_SHOWN = 10
SHOWN = (
    *("label", "tags", "is_deployed", "environment", "gateway__name"),
    *("asset__name", "asset__asset_id", "asset__version", "asset__api_version"),
)
"""What lists show of an API: an environment may have thousands."""


@dataclass(frozen=True)
class Coverage:
    """Of one API: `miss` says why the policy does not hold for it, `has_own` that it has the same one."""

    api: ApiInstance
    miss: str = ""
    has_own: bool = False
    note: str = ""
    """What else is to be known where it holds."""

    @property
    def is_covered(self) -> bool:
        return not self.miss

    @property
    def state(self) -> str:
        return "Covered" if self.is_covered else "Not covered"


def coverage(policy: AutomatedPolicy) -> list[Coverage]:
    """Of every API of its environment, by name; the policy need not be saved. Four queries."""
    environment = policy.environment
    found = ApiInstance.objects.filter(environment=environment).select_related("asset", "gateway")
    apis = list(found.only(*SHOWN))
    own = set(_own(policy, environment.pk))
    before = _before(policy)
    rule = Rule(policy, dict(environment.gateways.values_list("pk", "name")))
    return [_of(policy, api, rule, api.pk in own, before) for api in apis]


def covered(policy: AutomatedPolicy) -> set[int]:
    """The ids of the APIs that its rule covers, whatever they have of their own; none while disabled."""
    if policy.is_disabled:
        return set()
    rule = Rule(policy)
    found = ApiInstance.objects.filter(environment=policy.environment_id)
    return rule.of(Crowd(subjects(found)))


def counts(environment: Environment, policies: Sequence[AutomatedPolicy]) -> dict[int, int]:
    """How many APIs the rule of each covers, by the policy's id."""
    if not policies:
        return {}
    apis = Crowd(subjects(ApiInstance.objects.filter(environment=environment)))
    return {one.pk: len(Rule(one).of(apis)) for one in policies}


def conflicts(found: Iterable[Coverage]) -> list[Coverage]:
    """Those whose API has the same policy of its own, where the rule covers it."""
    return [one for one in found if one.has_own]


def _own(policy: AutomatedPolicy, environment: UUID) -> Iterable[int]:
    rows = PolicyBinding.objects.inbound().filter(api__environment=environment, policy=policy.policy)
    return rows.filter(is_disabled=False).values_list("api_id", flat=True)


def _before(policy: AutomatedPolicy) -> list[tuple[AutomatedPolicy, Rule]]:
    """Those of the same policy that go first, where an API can have it once."""
    if not holding.is_once(policy):
        return []
    others = AutomatedPolicy.objects.filter(
        environment=policy.environment_id, policy=policy.policy, is_disabled=False
    ).exclude(pk=policy.pk)
    place = policy.order if policy.pk else None
    return [(one, Rule(one)) for one in others if place is None or (one.order, one.pk) < (place, policy.pk)]


def _of(
    policy: AutomatedPolicy,
    api: ApiInstance,
    rule: Rule,
    has_own: bool,
    before: Iterable[tuple[AutomatedPolicy, Rule]],
) -> Coverage:
    seen = subject(api)
    if miss := rule.miss(seen):
        return Coverage(api, miss)
    if policy.is_disabled:
        return Coverage(api, "The policy is disabled.", has_own)
    if has_own and policy.conflicts == AutomatedPolicy.Conflicts.YIELDS:
        return Coverage(api, f"It has {policy.title} of its own, which runs instead.", has_own)
    if first := next((one for one, other in before if other.covers(seen)), None):
        return Coverage(api, f"{first} holds for it already, and an API has it once.", has_own)
    notes = []
    if has_own:
        rests = policy.conflicts == AutomatedPolicy.Conflicts.WINS
        notes.append("Its own rests meanwhile." if rests else "It runs beside the API's own.")
    if not api.is_deployed:
        notes.append("From its deployment on.")
    return Coverage(api, "", has_own, " ".join(notes))
