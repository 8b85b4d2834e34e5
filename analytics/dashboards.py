"""What the pages of analytics show, put together from `queries`."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from analytics import calls, conditions, queries, ranked, upstreams
from analytics.bars import bars
from analytics.figures import CLASSES, Figures, LabelShare, ResourceShare, add
from analytics.models import Sample
from analytics.queries import UpstreamCalls, Whose
from analytics.ranges import Range
from apis.deployment import brought
from apis.failing import UpstreamFailure
from apis.models import ApiInstance
from apis.revisions.rows import route_label
from console.models import Environment
from gateways.models import Replica
from policies import catalog

CLASS_COLOURS = {"2xx": "c1", "3xx": "c2", "4xx": "c3", "5xx": "c4", "1xx": "c6", "cut": "c5", "left": "c6"}
CLASS_NAMES = {"cut": "cut in the middle", "left": "client left"}
COLOURS = ("c4", "c3", "c5", "c2", "c1")
PERCENTILES = (("p50", 0.5, "c1"), ("p95", 0.95, "c3"), ("p99", 0.99, "c5"))
SAMPLES = 30
MOST_MARKS = 40
LEADERS = 10


@dataclass(frozen=True)
class BarRow:
    """A line of a table with a bar: `share` is in percent of all."""

    label: str
    requests: int
    share: float
    p95_ms: float | None = None


@dataclass(frozen=True)
class Tiles:
    """The key metrics of a range, and the requests of the range before it."""

    now: Figures
    requests_before: int
    policies: list[BarRow]

    @property
    def change_percent(self) -> float | None:
        before = self.requests_before
        return 100 * (self.now.requests - before) / before if before else None

    @property
    def p50_ms(self) -> float | None:
        return self.now.latency_ms(0.5)

    @property
    def p95_ms(self) -> float | None:
        return self.now.latency_ms(0.95)

    @property
    def p99_ms(self) -> float | None:
        return self.now.latency_ms(0.99)

    @property
    def upstream_p95_ms(self) -> float | None:
        return self.now.upstream_ms(0.95)


@dataclass(frozen=True)
class ApiRow:
    """One API of the environment's overview; `spark` is the points of its requests over time."""

    api: ApiInstance
    figures: Figures
    spark: str

    @property
    def p95_ms(self) -> float | None:
        return self.figures.latency_ms(0.95)


_OBSERVED = re.compile(r"(^|; )([a-z][a-z0-9-]*)-(?:automated\.)?[0-9]+: ")
"""A policy's binding before what it would have refused for."""


class Numbers(NamedTuple):
    """What the charts show of one step."""

    time: datetime
    figures: Figures
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    upstream_p95_ms: float | None


def tiles(
    whose: Whose, over: Range, points: Sequence[Figures], refused: Mapping[str, Sequence[int]]
) -> Tiles:
    before = queries.requests(whose, over.before)
    return Tiles(add(points), before, _policy_rows([(name, sum(counts)) for name, counts in refused.items()]))


def summary(api: ApiInstance, over: Range) -> dict[str, Any]:
    """The key metrics and the small chart of an API's overview."""
    points, refused = queries.charted([api.pk], over)
    found = tiles([api.pk], over, points, refused)
    return {"tiles": found, "chart": bars(over, points, _deployed(api, over))}


def of_api(
    api: ApiInstance, over: Range, samples_of: str, request_id: str = "", asked: UpstreamCalls | None = None
) -> dict[str, Any]:
    """The dashboard of one API, or of what one of its upstreams was asked. `samples_of` is a status class,
    "violations", "failed", "observed", or "" for all; `request_id` asks for one request, whenever it was.
    """
    ids = asked or [api.pk]
    points, refused = queries.charted(ids, over)
    parts = queries.breakdowns(ids, over)
    marks = _marks(api, over)
    data = chart_data(over, points, refused, marks)
    return {
        "over": over,
        "tiles": tiles(ids, over, points, refused),
        "chart_data": data,
        "numbers": numbers(over, points, data["charts"]),
        "marks": marks,
        "resources": [] if asked else _resource_rows(queries.top_resources([api.pk], over)),
        "upstreams": upstreams.rows(api, over),
        "methods": rows(parts["method"]),
        "statuses": rows(parts["status"], {"0": "none, client left"}),
        "replicas": rows(parts["replica_id"], _replica_names(parts["replica_id"])),
        "routes": rows(parts["route"], _route_titles(api, parts["route"])),
        "failures": failure_rows(queries.failures(ids, over)),
        "refusals": [] if asked else _check_rows(queries.checks([api.pk], over)),
        "would_refuse": [] if asked else _policy_rows(conditions.would_refuse([api.pk], over)),
        "samples": samples(api, over, samples_of, request_id, asked),
        "request_id": request_id,
        "samples_of": samples_of,
    }


def of_environment(environment: Environment, over: Range) -> dict[str, Any]:
    """The overview of an environment and its APIs."""
    apis = ApiInstance.objects.filter(environment=environment)
    points, refused = queries.charted(environment, over)
    busiest, failing = ranked.leaders(environment, over, LEADERS)
    leaders = _api_rows(list(apis.filter(pk__in={*busiest, *failing}).select_related("asset")), over)
    data = chart_data(over, points, refused, [])
    return {
        "over": over,
        "tiles": tiles(environment, over, points, refused),
        "chart_data": data,
        "numbers": numbers(over, points, data["charts"]),
        "busiest": [leaders[api] for api in busiest],
        "failing": [leaders[api] for api in failing],
        "failures": failure_rows(queries.failures(environment, over)),
        "would_refuse": _policy_rows(conditions.would_refuse(environment, over)),
        "apis_count": apis.count(),
    }


def _api_rows(apis: Sequence[ApiInstance], over: Range) -> dict[int, ApiRow]:
    """By the API's id. Histograms are costly to add up: for those that are shown, not for all."""
    ids = [api.pk for api in apis]
    figures, steps = queries.by_api(ids, over), queries.requests_by_api(ids, over)
    return {api.pk: ApiRow(api, figures.get(api.pk, Figures()), spark(steps.get(api.pk, []))) for api in apis}


def chart_data(
    over: Range,
    points: Sequence[Figures],
    refused: Mapping[str, Sequence[int]],
    marks: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """As charts.js draws it: every series has one value a step, null where there is none."""
    classes = [
        name for name in CLASSES if name in CLASSES[:4] or any(point.classes[name] for point in points)
    ]
    titles = {name: CLASS_NAMES.get(name, name) for name in classes}
    policies = [_title(name) for name in refused]
    return {
        "start": int(over.start.timestamp()),
        "end": int(over.end.timestamp()),
        "step": over.step,
        "marks": list(marks),
        "charts": {
            "requests": [
                _series(titles[name], CLASS_COLOURS[name], [point.classes[name] for point in points])
                for name in classes
            ],
            "total": [
                _series(name, colour, [point.latency_ms(q) for point in points])
                for name, q, colour in PERCENTILES
            ],
            "upstream": [
                _series(name, colour, [point.upstream_ms(q) for point in points])
                for name, q, colour in PERCENTILES
            ],
            "violations": [
                _series(title, COLOURS[place % len(COLOURS)], list(counts))
                for place, (title, counts) in enumerate(zip(policies, refused.values(), strict=True))
            ],
        },
    }


def numbers(over: Range, points: Sequence[Figures], charts: Mapping[str, Any]) -> list[Numbers]:
    """The charts as a table, the newest first; steps without requests are left out."""
    latencies = [one["values"] for one in charts["total"]] + [charts["upstream"][1]["values"]]
    steps = zip(over.times, points, *latencies, strict=True)
    return [Numbers(*step) for step in steps if step[1].requests][::-1]


def samples(
    api: ApiInstance, over: Range, samples_of: str, request_id: str = "", asked: UpstreamCalls | None = None
) -> list[Sample]:
    """The newest requests that were kept as they were."""
    found = Sample.objects.filter(api=api).order_by("-time")
    if asked:
        found = found.filter(service=asked.service)
    if request_id:
        found = found.filter(request_id=request_id[:64])
    else:
        found = found.filter(time__gte=over.start, time__lt=over.end)
    if samples_of == "observed":
        found = found.exclude(observed="")
    elif samples_of == "violations":
        found = found.exclude(policy="")
    elif samples_of == "failed":
        found = found.exclude(failure="")
    elif samples_of in CLASSES[:4]:
        lowest = int(samples_of[0]) * 100
        found = found.filter(status__range=(lowest, lowest + 99))
    kept = list(found[:SAMPLES])
    callers = calls.callers(api, kept)
    for one in kept:
        one.application = callers.get(one.application, "")
        one.policy = _title(one.policy) if one.policy else ""
        one.observed = _OBSERVED.sub(lambda found: f"{found[1]}{_title(found[2])}: ", one.observed)
    return kept


def rows(shares: Iterable[LabelShare], names: Mapping[str, str] | None = None) -> list[BarRow]:
    shares = list(shares)
    whole = sum(share.requests for share in shares) or 1
    return [
        BarRow(
            (names or {}).get(share.label, share.label),
            share.requests,
            100 * share.requests / whole,
            share.p95_ms,
        )
        for share in shares
    ]


def failure_rows(parts: Sequence[UpstreamFailure]) -> list[tuple[UpstreamFailure, float]]:
    """With each, its share of all that failed, in percent."""
    whole = sum(part.requests for part in parts) or 1
    return [(part, 100 * part.requests / whole) for part in parts]


def spark(counts: Sequence[int], width: int = 100, height: int = 24) -> str:
    """The points of an SVG polyline that fills a box of this size."""
    top = max(counts, default=0) or 1
    last = max(len(counts) - 1, 1)
    return " ".join(
        f"{width * place / last:.1f},{height - 1 - (height - 2) * count / top:.1f}"
        for place, count in enumerate(counts)
    )


def _check_rows(found: Sequence[tuple[str, str, int]]) -> list[BarRow]:
    """By policy and check."""
    whole = sum(count for _, _, count in found) or 1
    return [
        BarRow(f"{_title(policy)} · {check}" if check else _title(policy), count, 100 * count / whole)
        for policy, check, count in found
    ]


def _policy_rows(found: Sequence[tuple[str, int]]) -> list[BarRow]:
    whole = sum(count for _, count in found) or 1
    return [BarRow(_title(policy), count, 100 * count / whole) for policy, count in found]


def _resource_rows(resources: Sequence[ResourceShare]) -> list[tuple[ResourceShare, float]]:
    top = max((one.requests for one in resources), default=1)
    return [(one, 100 * one.requests / top) for one in resources]


def _marks(api: ApiInstance, over: Range) -> list[dict[str, Any]]:
    """The deployments that changed the API, as the charts mark them."""
    return [{"time": int(time.timestamp()), "label": title} for time, title in _deployed(api, over).items()]


def _deployed(api: ApiInstance, over: Range) -> dict[datetime, str]:
    """What changed the API with which deployment of its gateway, by time, the newest first."""
    found = brought.deployments(api).filter(created_at__gte=over.start, created_at__lt=over.end)
    told = brought.why(api, found[:MOST_MARKS])
    return {one.deployment.created_at: f"Deployment {one.deployment.generation}: {one.words}" for one in told}


def _replica_names(shares: Iterable[LabelShare]) -> dict[str, str]:
    ids = [share.label for share in shares]
    return {str(pk): name for pk, name in Replica.objects.filter(pk__in=ids).values_list("pk", "name")}


def _route_titles(api: ApiInstance, shares: Iterable[LabelShare]) -> dict[str, str]:
    """What people call the routes that the access log names; a number is a route that is gone by now."""
    gone = {share.label: "A former route" for share in shares if share.label.isdigit()}
    return (
        gone | {route_label(route): route.title for route in api.routes.all()} | {"none": "No route matched"}
    )


def _series(name: str, colour: str, values: list[Any]) -> dict[str, Any]:
    return {"name": name, "colour": colour, "values": values}


def _title(policy: str) -> str:
    """The policy's title, or its name when the catalog no longer has it."""
    try:
        return catalog.find(policy).title
    except catalog.UnknownPolicy:
        return policy
