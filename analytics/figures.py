"""What some traffic comes to: requests by their answers, bytes, latencies; and its shares by one label."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateways.protocol.histogram import Histogram, merge, percentile

CLASSES = ("2xx", "3xx", "4xx", "5xx", "1xx", "cut", "left")
"""Status classes as they are charted, which add up to all requests. "cut" are answers that began well and
were not brought to their end; "left", requests whose client left before an answer.
"""


@dataclass(frozen=True)
class Figures:
    """What some requests add up to; `violations` are those that a policy refused."""

    requests: int = 0
    classes: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(CLASSES, 0))
    violations: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    total: Histogram = field(default_factory=dict)
    upstream: Histogram = field(default_factory=dict)

    @property
    def errors(self) -> int:
        return self.classes["4xx"] + self.server_errors

    @property
    def server_errors(self) -> int:
        return self.classes["5xx"] + self.classes["cut"]

    @property
    def error_rate(self) -> float | None:
        """In percent; None without requests."""
        return 100 * self.errors / self.requests if self.requests else None

    @property
    def is_failing(self) -> bool:
        return is_failing(self.server_errors, self.requests)

    def latency_ms(self, q: float) -> float | None:
        return milliseconds(self.total, q)

    def upstream_ms(self, q: float) -> float | None:
        return milliseconds(self.upstream, q)


@dataclass(frozen=True)
class LabelShare:
    """A part of the requests, by one label."""

    label: str
    requests: int
    total: Histogram

    @property
    def p95_ms(self) -> float | None:
        return milliseconds(self.total, 0.95)


@dataclass(frozen=True)
class ResourceShare:
    method: str
    resource: str
    requests: int
    client_errors: int
    server_errors: int
    total: Histogram

    @property
    def error_rate(self) -> float:
        return 100 * (self.client_errors + self.server_errors) / self.requests

    @property
    def is_failing(self) -> bool:
        return is_failing(self.server_errors, self.requests)

    @property
    def p95_ms(self) -> float | None:
        return milliseconds(self.total, 0.95)


def is_failing(server_errors: int, requests: int) -> bool:
    """Whether so many answers of 500 and above, or cut ones, ask for a look: one in a hundred or more."""
    return server_errors * 100 >= requests > 0


def milliseconds(histogram: Histogram, q: float) -> float | None:
    microseconds = percentile(histogram, q)
    return None if microseconds is None else round(microseconds / 1000, 3)


def add(parts: Iterable[Figures]) -> Figures:
    parts = list(parts)
    return Figures(
        sum(part.requests for part in parts),
        {name: sum(part.classes[name] for part in parts) for name in CLASSES},
        sum(part.violations for part in parts),
        sum(part.received_bytes for part in parts),
        sum(part.sent_bytes for part in parts),
        merge(part.total for part in parts),
        merge(part.upstream for part in parts),
    )
