"""Which APIs an automated policy holds for, as they are saved, and why it does not hold for the others."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from apis.automated import holding
from apis.automated.models import AutomatedPolicy
from apis.automated.rule import CoverageRule, Crowd, RuleSubject, subjects
from apis.models import ApiInstance, PolicyBinding
from console.models import Environment

CONFLICTS_SHOWN = 10


class CoveredApi(NamedTuple):
    """What lists show of an API: an environment may have thousands, of which nothing else is read."""

    pk: int
    name: str
    label: str
    tags: list[str]
    gateway_id: UUID | None
    gateway: str | None
    is_deployed: bool
    asset_id: str
    asset_version: str
    version: str

    @property
    def autodiscovery_name(self) -> str:
        return f"{self.version}:{self.pk}"

    def __str__(self) -> str:
        return f"{self.name} {self.autodiscovery_name}"


_READ = (
    *("pk", "asset__name", "label", "tags", "gateway", "gateway__name", "is_deployed"),
    *("asset__asset_id", "asset__version", "asset__api_version"),
)


class Coverage(NamedTuple):
    """Of one API: `miss` says why the policy does not hold for it, `has_own` that it has the same one."""

    api: CoveredApi
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


def coverage(policy: AutomatedPolicy, only: int | None = None) -> list[Coverage]:
    """Of every API of its environment, by name, or of the one with this id; the policy need not be saved.
    Four queries.
    """
    environment = policy.environment
    found = ApiInstance.objects.filter(environment=environment)
    rows = (found if only is None else found.filter(pk=only)).values_list(*_READ)
    apis = {one.pk: one for one in map(CoveredApi._make, rows)}
    seen = {
        pk: RuleSubject(pk, one.name, one.label, tuple(one.tags), one.gateway_id) for pk, one in apis.items()
    }
    crowd = Crowd(seen.values())
    rule = CoverageRule(policy, dict(environment.gateways.values_list("pk", "name")))
    covered, own, before = rule.of(crowd), set(_own(policy, environment.pk)), _before(policy, crowd)
    return [
        _covered(policy, api, pk in own, before.get(pk))
        if pk in covered
        else Coverage(api, rule.miss(seen[pk]))
        for pk, api in apis.items()
    ]


def covered(policy: AutomatedPolicy) -> set[int]:
    """The ids of the APIs that its rule covers, whatever they have of their own; none while disabled."""
    if policy.is_disabled:
        return set()
    rule = CoverageRule(policy)
    found = ApiInstance.objects.filter(environment=policy.environment_id)
    if rule.asks_ids_alone:
        return rule.of_ids(set(found.order_by().values_list("pk", flat=True)))
    return rule.of(Crowd(subjects(found)))


def counts(environment: Environment, policies: Sequence[AutomatedPolicy]) -> dict[int, int]:
    """How many APIs the rule of each covers, by the policy's id."""
    if not policies:
        return {}
    apis = Crowd(subjects(ApiInstance.objects.filter(environment=environment)))
    return {one.pk: len(CoverageRule(one).of(apis)) for one in policies}


def conflicts(found: Iterable[Coverage]) -> list[Coverage]:
    """Those whose API has the same policy of its own, where the rule covers it."""
    return [one for one in found if one.has_own]


def _own(policy: AutomatedPolicy, environment: UUID) -> Iterable[int]:
    rows = PolicyBinding.objects.inbound().filter(api__environment=environment, policy=policy.policy)
    return rows.filter(is_disabled=False).values_list("api_id", flat=True)


def _before(policy: AutomatedPolicy, crowd: Crowd) -> Mapping[int, AutomatedPolicy]:
    """By API, the first of those of the same policy that go before it, where an API can have it once."""
    if not holding.is_once(policy):
        return {}
    others = AutomatedPolicy.objects.filter(
        environment=policy.environment_id, policy=policy.policy, is_disabled=False
    ).exclude(pk=policy.pk)
    place = policy.order if policy.pk else None
    found: dict[int, AutomatedPolicy] = {}
    for one in others:
        if place is None or (one.order, one.pk) < (place, policy.pk):
            found = dict.fromkeys(CoverageRule(one).of(crowd), one) | found
    return found


def _covered(
    policy: AutomatedPolicy, api: CoveredApi, has_own: bool, before: AutomatedPolicy | None
) -> Coverage:
    """Of one that its rule covers."""
    if policy.is_disabled:
        return Coverage(api, "The policy is disabled.", has_own)
    if has_own and policy.conflicts == AutomatedPolicy.Conflicts.YIELDS:
        return Coverage(api, f"It has {policy.title} of its own, which runs instead.", has_own)
    if before:
        return Coverage(api, f"{before} holds for it already, and an API has it once.", has_own)
    notes = []
    if has_own:
        rests = policy.conflicts == AutomatedPolicy.Conflicts.WINS
        notes.append("Its own rests meanwhile." if rests else "It runs beside the API's own.")
    if not api.is_deployed:
        notes.append("From its deployment on.")
    return Coverage(api, "", has_own, " ".join(notes))
