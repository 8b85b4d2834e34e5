"""The operations of an API's document with their traffic, and what is called that the document does not have.

Replicas count requests by path, ids replaced and at most so many different ones of an API at a time. They
know no documents: the console tells afterwards which operation a path belongs to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from apis import traffic
from apis.documents import templates
from apis.documents.specification import Specification
from apis.models import ApiInstance
from gateways.protocol.histogram import Histogram, merge, percentile
from gateways.protocol.resource_paths import OTHER, template

MOST_PATHS = 1000
"""Of an API, those with the most requests."""
PREFLIGHT = "OPTIONS"
MOST_RECORDED, MOST_EXAMPLES = 500, 10


@dataclass(frozen=True)
class OperationCalls:
    """Of the last 24 hours."""

    requests: int = 0
    client_errors: int = 0
    server_errors: int = 0
    total: Histogram = field(default_factory=dict)

    @property
    def errors(self) -> int:
        return self.client_errors + self.server_errors

    @property
    def error_rate(self) -> float | None:
        """In percent; None without requests."""
        return 100 * self.errors / self.requests if self.requests else None

    @property
    def p95_ms(self) -> float | None:
        microseconds = percentile(self.total, 0.95)
        return None if microseconds is None else round(microseconds / 1000, 1)

    def and_of(self, one: traffic.PathTraffic) -> "OperationCalls":
        return OperationCalls(
            self.requests + one.requests,
            self.client_errors + one.client_errors,
            self.server_errors + one.server_errors,
            merge([self.total, one.total]),
        )


@dataclass(frozen=True)
class Undocumented:
    """`has_path` says that other methods of the path are documented."""

    method: str
    path: str
    calls: OperationCalls
    has_path: bool


@dataclass(frozen=True)
class DocumentCalls:
    """`by_operation` has those that were called, by their ids. `other` are requests to paths that were not
    told apart, or are not of the base path that the API has now.
    """

    by_operation: Mapping[int, OperationCalls] = field(default_factory=dict)
    undocumented: tuple[Undocumented, ...] = ()
    preflights: int = 0
    other: int = 0
    examples: tuple[tuple[str, str], ...] = ()
    """Methods and paths of recorded requests that no operation is for and that are not listed themselves."""
    is_cut: bool = False

    @property
    def requests(self) -> int:
        counted = sum(one.requests for one in self.by_operation.values())
        return counted + self.undocumented_requests + self.preflights + self.other

    @property
    def undocumented_requests(self) -> int:
        return sum(one.calls.requests for one in self.undocumented)

    @property
    def failing(self) -> list[int]:
        """Operations of which one request in a hundred or more was answered with 500 and above, or cut."""
        return [pk for pk, one in self.by_operation.items() if one.server_errors * 100 >= one.requests]


def of(api: ApiInstance, document: Specification) -> DocumentCalls:
    rows = traffic.resources(api.pk, MOST_PATHS)
    if not rows:
        return DocumentCalls()
    known = templates.Templates(document.operations.values_list("pk", "method", "path"))
    found: dict[int, OperationCalls] = {}
    unknown: list[Undocumented] = []
    other = preflights = 0
    for one in rows:
        segments = None if one.path == OTHER else templates.segments(one.path, api.base_path)
        key = known.operation(one.method, segments) if segments is not None else None
        if segments is None:
            other += one.requests
        elif key is not None:
            found[key] = found.get(key, OperationCalls()).and_of(one)
        elif one.method == PREFLIGHT and known.has_path(segments):
            preflights += one.requests
        else:
            path = f"/{'/'.join(segments)}"
            unknown.append(
                Undocumented(one.method, path, OperationCalls().and_of(one), known.has_path(segments))
            )
    examples = _examples(api, known, rows) if other else ()
    return DocumentCalls(found, tuple(unknown), preflights, other, examples, len(rows) == MOST_PATHS)


def _examples(
    api: ApiInstance, known: templates.Templates, rows: list[traffic.PathTraffic]
) -> tuple[tuple[str, str], ...]:
    """Of what was not told apart, as far as single requests were recorded."""
    listed = {(one.method, one.path) for one in rows}
    found: dict[tuple[str, str], None] = {}
    for method, path in traffic.recorded_paths(api.pk, MOST_RECORDED):
        counted = template(path)
        segments = templates.segments(counted, api.base_path)
        is_known = segments is not None and known.operation(method, segments) is not None
        if not is_known and (method, counted) not in listed and len(found) < MOST_EXAMPLES:
            found[method, counted] = None
    return tuple(found)
