"""Counts access-log lines: ten-second windows of counters and histograms, and samples of requests.

Lines without a route belong to no API and are passed over.
"""

import contextlib
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from gateways.agent.traffic.failures import at_upstream
from gateways.agent.traffic.labels import Labels, TrafficLabels
from gateways.agent.xds import access_log
from gateways.agent.xds.access_log import NOTHING
from gateways.protocol.histogram import Histogram, bucket
from gateways.protocol.messages import (
    ConditionCount,
    ObservedCount,
    RequestSample,
    ResourceCount,
    TrafficBatch,
    TrafficCount,
)

_SHORT = range(65536)
_ENDS = [bisect_right(_SHORT, number, key=bucket) for number in range(bucket(_SHORT[-1]) + 1)]
_BUCKETS = b"".join(bytes([at]) * (end - start) for at, (start, end) in enumerate(pairwise([0, *_ENDS])))
"""The bucket of each short latency: looked up once for each end of a bucket, which are few."""

ResourceKey = tuple[bytes, str, str, str, str]
"""Window, namespace, API, method and resource."""


class Tally:
    """What some lines of the access log add up to.

    A line's key and path are looked up as they stand in the log; they are taken apart when they are met
    first in a window.
    """

    def __init__(self, labels: Labels, samples: int) -> None:
        """At most `samples` requests are kept as they were, failed ones first."""
        self.shed: dict[str, int] = {}
        self._labels = labels
        self._counts: dict[tuple[bytes, TrafficLabels], _Count] = {}
        self._resources: dict[ResourceKey, _Resource] = {}
        self._held: dict[tuple[bytes, str, str, bytes], int] = {}
        self._observed: Counter[tuple[bytes, str, str, str]] = Counter()
        self._failed = _Reservoir(samples)
        self._fine = _Reservoir(samples)
        self._window = b""
        self._of_window: dict[bytes, _Alike | None] = {}

    def add(self, line: bytes) -> None:
        """Count one line. One that is not of our format is shed as "malformed"."""
        try:
            self._add(line)
        except ValueError:
            self.shed["malformed"] = self.shed.get("malformed", 0) + 1

    def _add(self, line: bytes) -> None:
        values = access_log.fields(line)
        time, text, total, upstream, received, sent, path, noted, held, _, observed, _, rest = values
        window = time[:9]
        if window != self._window:
            int(window)
            self._window, self._of_window = window, {}
        alike = self._of_window[text] if text in self._of_window else self._alike(text)
        if alike is None:
            return
        resource = alike.resources.get(path) if noted == NOTHING else None
        if resource is None:
            resource = self._resource(alike, path, noted)
        took = None if total == NOTHING else _bucket(int(total))
        count = self._failed_count(alike, rest) if alike.is_failed else alike.count
        count.add(took, upstream, int(received), int(sent))
        resource.add(alike.error, took)
        if held != NOTHING:
            held_key = window, alike.group.route.namespace, alike.group.route.api, held
            self._held[held_key] = self._held.get(held_key, 0) + 1
        if observed != NOTHING:
            for one in access_log.observed(observed):
                self._observed[window, alike.group.route.namespace, alike.group.route.api, one.binding] += 1
        alike.reservoir.add(line, alike)

    def _alike(self, text: bytes) -> "_Alike | None":
        """What the lines of this window with this key share; None for those of no API."""
        known = self._labels.group(self._window[:6], text)
        alike = None
        if known is not None:
            group, key = known
            count = self._counts.setdefault((self._window, group), _Count())
            alike = _Alike(group, key, count, self._failed if group.has_failed else self._fine)
        self._of_window[text] = alike
        return alike

    def _failed_count(self, alike: "_Alike", rest: bytes) -> "_Count":
        """Failed requests are counted by their upstream too."""
        upstream = access_log.upstream(rest)
        count = alike.by_upstream.get(upstream)
        if count is None:
            group = _at_upstream(alike.group, upstream)
            count = alike.by_upstream[upstream] = self._counts.setdefault((self._window, group), _Count())
        return count

    def _resource(self, alike: "_Alike", path: bytes, noted: bytes) -> "_Resource":
        group = alike.group
        asked = access_log.client_path(alike.key, path, noted)
        window = self._window
        name = self._labels.resource(window[:6], group.api, asked, group.is_known_to_api)
        key = (window, group.route.namespace, group.route.api, group.method, name)
        resource = self._resources.setdefault(key, _Resource())
        # What no answer vouched for may become a resource of its own when another one does.
        if group.is_known_to_api and noted == NOTHING:
            alike.resources[path] = resource
        return resource

    def batch(self, replica: str, file: str, start: int, end: int) -> TrafficBatch:
        """All of it, as the console takes it."""
        samples = self._failed.kept + self._fine.kept[: self._fine.size - len(self._failed.kept)]
        return TrafficBatch(
            replica=replica,
            file=file,
            start=start,
            end=end,
            counts=tuple(
                _traffic_count(window, group, count)
                for (window, group), count in self._counts.items()
                if count.requests
            ),
            resources=tuple(
                _resource_count(key, count) for key, count in self._resources.items() if count.requests
            ),
            conditions=tuple(_condition_counts(self._held)),
            observed=tuple(_observed_counts(self._observed)),
            samples=tuple(_samples(self._labels, samples)),
            shed=self.shed,
        )


class _Count:
    __slots__ = ("received", "requests", "sent", "total", "upstream")

    def __init__(self) -> None:
        self.requests = self.received = self.sent = 0
        self.total: Histogram = {}
        self.upstream: Histogram = {}

    def add(self, took: int | None, upstream: bytes, received: int, sent: int) -> None:
        """`took` is a bucket, or None where no answer was sent to its end. All or nothing: raises ValueError
        before anything is counted.
        """
        index = None if upstream == NOTHING else _bucket(int(upstream))
        self.received += received
        self.sent += sent
        self.requests += 1
        if took is not None:
            self.total[took] = self.total.get(took, 0) + 1
        if index is not None:
            self.upstream[index] = self.upstream.get(index, 0) + 1


class _Resource:
    __slots__ = ("client_errors", "requests", "server_errors", "total")

    def __init__(self) -> None:
        self.requests = self.client_errors = self.server_errors = 0
        self.total: Histogram = {}

    def add(self, error: str, took: int | None) -> None:
        """`error` is "server", "client" or ""."""
        self.requests += 1
        if error == "server":
            self.server_errors += 1
        elif error:
            self.client_errors += 1
        if took is not None:
            self.total[took] = self.total.get(took, 0) + 1


class _Reservoir:
    """Keeps a random sample of `size` of all lines that were added."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: list[tuple[bytes, _Alike]] = []
        self._seen = 0

    def add(self, line: bytes, alike: "_Alike") -> None:
        self._seen += 1
        if len(self.kept) < self.size:
            self.kept.append((line, alike))
        elif (place := int(random.random() * self._seen)) < self.size:  # noqa: S311  (a sample, no secret)
            self.kept[place] = line, alike


class _Alike:
    """What lines of one window and one key share: where they are counted. `resources` by path as logged."""

    __slots__ = ("by_upstream", "count", "error", "group", "is_failed", "key", "reservoir", "resources")

    def __init__(
        self, group: TrafficLabels, key: access_log.Key, count: _Count, reservoir: _Reservoir
    ) -> None:
        self.group = group
        self.key = key
        self.count = count
        self.reservoir = reservoir
        self.resources: dict[bytes, _Resource] = {}
        self.by_upstream: dict[str, _Count] = {}
        self.is_failed = bool(group.failure.reason)
        self.error = group.error


def _at_upstream(group: TrafficLabels, upstream: str) -> TrafficLabels:
    return replace(group, failure=at_upstream(group.failure, upstream), upstream=upstream)


def _traffic_count(window: bytes, group: TrafficLabels, count: _Count) -> TrafficCount:
    return TrafficCount(
        time=int(window) * 10,
        **_labels(group),
        requests=count.requests,
        received_bytes=count.received,
        sent_bytes=count.sent,
        total=count.total,
        upstream=count.upstream,
    )


def _resource_count(key: ResourceKey, count: _Resource) -> ResourceCount:
    window, namespace, api, method, resource = key
    return ResourceCount(
        time=int(window) * 10,
        namespace=_text(namespace),
        api=_text(api),
        method=method,
        resource=_text(resource),
        requests=count.requests,
        client_errors=count.client_errors,
        server_errors=count.server_errors,
        total=count.total,
    )


def _condition_counts(held: Mapping[tuple[bytes, str, str, bytes], int]) -> Iterator[ConditionCount]:
    """Of each policy by itself; in the log those of one request stand together."""
    counts: Counter[tuple[bytes, str, str, str]] = Counter()
    for (window, namespace, api, noted), requests in held.items():
        for binding in access_log.held(noted):
            counts[window, namespace, api, binding] += requests
    for (window, namespace, api, binding), requests in counts.items():
        yield ConditionCount(
            time=int(window) * 10,
            namespace=_text(namespace),
            api=_text(api),
            binding=_text(binding),
            requests=requests,
        )


def _observed_counts(counts: Mapping[tuple[bytes, str, str, str], int]) -> Iterator[ObservedCount]:
    for (window, namespace, api, binding), requests in counts.items():
        yield ObservedCount(
            time=int(window) * 10,
            namespace=_text(namespace),
            api=_text(api),
            binding=_text(binding),
            requests=requests,
        )


def _samples(labels: Labels, kept: Iterable[tuple[bytes, _Alike]]) -> Iterator[RequestSample]:
    """A line that was counted but is incomplete gives no sample."""
    for line, alike in kept:
        with contextlib.suppress(ValueError):
            yield _sample(labels, line, alike)


def _sample(labels: Labels, line: bytes, alike: _Alike) -> RequestSample:
    entry = access_log.entry(line, alike.key)
    reason = entry.reason
    if not alike.key.policy and (native := labels.native(alike.key)):
        time = f"{entry.total_us / 1000:.0f} ms"
        reason = native.told(entry.remote_address, entry.user_agent, alike.group.status, time)
    return RequestSample(
        at=entry.at,
        **_labels(_at_upstream(alike.group, entry.upstream)),
        path=_text(entry.path, 400),
        protocol=_text(entry.protocol),
        total_us=entry.total_us,
        upstream_us=entry.upstream_us,
        received_bytes=entry.received_bytes,
        sent_bytes=entry.sent_bytes,
        remote_address=_text(entry.remote_address),
        user_agent=_text(entry.user_agent),
        details=_text(alike.key.details),
        flags=_text(alike.key.flags),
        upstream_address=_text(entry.upstream_address),
        reason=_text(reason),
        observed=_text("; ".join(f"{one.binding}: {one.reason}" for one in entry.observed), 800),
        request_id=_text(entry.request_id),
    )


def _labels(group: TrafficLabels) -> dict[str, Any]:
    """What is told alike of counts and of single requests."""
    return {
        "namespace": _text(group.route.namespace),
        "api": _text(group.route.api),
        "route": _text(group.route.label),
        "method": group.method,
        "status": group.status,
        "policy": _text(group.policy),
        "policy_check": _text(group.check),
        "application": _text(group.application),
        "failure": group.failure.reason,
        "failure_detail": group.failure.detail,
        "upstream_host": _text(group.upstream),
        "service": _text(group.service),
    }


def _text(value: str, length: int = 255) -> str:
    """Short enough, and without the NUL (written out, too) that the console's database cannot hold."""
    return value[:length].replace("\0", "").replace("\\u0000", "")


def _bucket(microseconds: int) -> int:
    """`bucket`, looked up for the first 65 ms: it is asked twice a line."""
    if 0 <= microseconds < len(_BUCKETS):
        return _BUCKETS[microseconds]
    return bucket(microseconds)
