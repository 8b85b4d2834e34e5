"""What the pages of one application show of its calls: how many, how they were answered, what went wrong."""

from dataclasses import dataclass
from typing import Any

from analytics import calls, explained, queries
from analytics.bars import bars
from analytics.figures import Figures, add
from analytics.models import Sample
from analytics.ranges import Range
from apis.contracts.models import Application
from apis.models import ApiInstance
from apis.traffic import ApplicationCalls
from policies.traits import Explained

TROUBLES, RECENT = 12, 20


@dataclass(frozen=True)
class ApiUse:
    api: ApiInstance
    figures: Figures

    @property
    def p95_ms(self) -> float | None:
        return self.figures.latency_ms(0.95)


@dataclass(frozen=True)
class FailedCalls:
    """Calls that came to nothing for one reason."""

    api: ApiInstance
    status: int
    why: Explained
    requests: int
    share: float


def of_application(application: Application, apis: list[ApiInstance], over: Range) -> dict[str, Any]:
    """`apis` are those of its contracts that whoever looks may see."""
    mine = ApplicationCalls.of(application, [one.pk for one in apis])
    points = queries.series(mine, over)
    by_id = {one.pk: one for one in apis}
    now = add(points)
    figures = queries.by_api(mine, over)
    return {
        "over": over,
        "now": now,
        "p50_ms": now.latency_ms(0.5),
        "p95_ms": now.latency_ms(0.95),
        "chart": bars(over, points),
        "by_api": _by_api(by_id, figures),
        "failures": _lines(by_id, calls.troubles(mine, over, TROUBLES)),
        "failed": _told(calls.recent(mine, over, RECENT, failed=True)),
    }


def _by_api(apis: dict[int, ApiInstance], figures: dict[int, Figures]) -> list[ApiUse]:
    """Those that were called, most first."""
    used = [ApiUse(apis[pk], found) for pk, found in figures.items() if pk in apis]
    return sorted(used, key=lambda one: (-one.figures.requests, one.api.pk))


def _lines(apis: dict[int, ApiInstance], found: list[calls.FailedCount]) -> list[FailedCalls]:
    """Reasons that are told in the same words are one."""
    whole: dict[tuple[int, int, Explained], int] = {}
    for one in found:
        key = one.api, one.status, explained.of(one)
        whole[key] = whole.get(key, 0) + one.requests
    total = sum(whole.values()) or 1
    return [
        FailedCalls(apis[api], status, why, count, 100 * count / total)
        for (api, status, why), count in sorted(whole.items(), key=lambda item: -item[1])
    ]


def _told(samples: list[Sample]) -> list[tuple[Sample, Explained]]:
    return [
        (one, explained.explain(one.status, one.policy, one.policy_check, one.failure)) for one in samples
    ]
