"""Counts access-log lines: ten-second windows of counters and histograms, and samples of requests.

Every label is bounded: APIs, routes, policies and applications by configuration, methods and resources
by the limits here. Lines without a route belong to no API and are passed over.
"""

import random
import re
from collections.abc import Iterable
from typing import Any

import orjson

from gateways.agent.histogram import Histogram, bucket
from gateways.agent.protocol import RequestSample, ResourceCount, TrafficBatch, TrafficCount
from policies import catalog

METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
OTHER_METHOD = "OTHER"
OTHER_RESOURCE = "(other)"
RESOURCES_PER_API = 50
ID = "{id}"

_REMEMBERED = 4096
_BUCKETS = bytes(bucket(microseconds) for microseconds in range(65536))

Key = tuple[str, str, str, int, str, str]
Refusals = Iterable[tuple[str, re.Pattern[str]]]


def catalog_refusals() -> list[tuple[str, re.Pattern[str]]]:
    """(policy, expression over the response code details) for every native refusal of the catalog."""
    return [(policy.name, re.compile(text)) for policy in catalog.policies() for text in policy.refusals]


class Labels:
    """Names what a line shows, with a bounded memory of what it named before; outlives the tallies."""

    def __init__(self, refusals: Refusals = ()) -> None:
        self._refusals = list(refusals)
        self._policies: dict[str, str] = {}
        self._templates: dict[str, str] = {}
        self._resources: dict[str, set[str]] = {}
        self._period = ""

    def policy(self, details: str) -> str:
        """The policy whose native filter refused, from %RESPONSE_CODE_DETAILS%; "" when none did."""
        name = self._policies.get(details)
        if name is None:
            found = (name for name, expression in self._refusals if expression.search(details))
            name = _remember(self._policies, details, next(found, ""))
        return name

    def resource(self, period: str, api: str, path: str, is_known_to_api: bool) -> str:
        """The path with its ids replaced; OTHER_RESOURCE past RESOURCES_PER_API different ones a period.

        What the API does not know (404) makes no new resource, so that a scanner cannot use them up.
        """
        name = self._templates.get(path) or _remember(self._templates, path, template(path))
        if period != self._period:
            self._period, self._resources = period, {}
        known = self._resources.setdefault(api, set())
        if name in known:
            return name
        if not is_known_to_api or len(known) >= RESOURCES_PER_API:
            return OTHER_RESOURCE
        known.add(name)
        return name


class Tally:
    """What some lines of the access log add up to."""

    def __init__(self, labels: Labels, samples: int) -> None:
        """At most `samples` requests are kept as they were, failed ones first."""
        self.shed: dict[str, int] = {}
        self._labels = labels
        self._counts: dict[Key, _Count] = {}
        self._resources: dict[tuple[str, str, str, str], _Resource] = {}
        self._failed = _Reservoir(samples)
        self._fine = _Reservoir(samples)

    def add(self, line: bytes) -> None:
        """Count one line. One that is not of our format is shed as "malformed"."""
        try:
            self._add(orjson.loads(line))
        except (ValueError, TypeError, KeyError):
            self.shed["malformed"] = self.shed.get("malformed", 0) + 1

    def _add(self, entry: dict[str, Any]) -> None:
        name = entry["r"]
        if name is None:
            return
        window, status, took = entry["t"][:9], entry["s"], _bucket(entry["d"] or 0)
        method = entry["m"]
        if method not in METHODS:
            method = entry["m"] = OTHER_METHOD
        policy = entry["y"] or self._labels.policy(entry["e"] or "")
        key = (window, name, method, status, policy, entry["x"] or "")
        count = self._counts.get(key)
        if count is None:
            int(window)
            count = self._counts[key] = _Count()
        count.add(took, entry["u"], entry["i"], entry["o"])
        entry["y"] = policy
        self._add_resource(entry, window, took)
        (self._failed if policy or not 100 <= status < 400 else self._fine).add(entry)

    def _add_resource(self, entry: dict[str, Any], window: str, took: int) -> None:
        api, _, route = entry["r"].rpartition("/")
        status = entry["s"]
        is_known = status != 404 and route != "none" and not entry["y"]
        resource = self._labels.resource(window[:6], api, entry["p"] or "/", is_known)
        key = (window, api, entry["m"], resource)
        count = self._resources.get(key)
        if count is None:
            count = self._resources[key] = _Resource()
        count.add(status, took)

    def batch(self, replica: str, file: str, start: int, end: int) -> TrafficBatch:
        """All of it, as the console takes it."""
        samples = self._failed.kept + self._fine.kept[: self._fine.size - len(self._failed.kept)]
        return TrafficBatch(
            replica=replica,
            file=file,
            start=start,
            end=end,
            counts=tuple(_traffic_count(key, count) for key, count in self._counts.items()),
            resources=tuple(_resource_count(key, count) for key, count in self._resources.items()),
            samples=tuple(_sample(entry) for entry in samples),
            shed=self.shed,
        )


def template(path: str) -> str:
    """The path with every segment that looks like an id replaced: /orders/4711 becomes /orders/{id}."""
    return "/".join(ID if _is_id(part) else part for part in path[:200].split("/"))


class _Count:
    __slots__ = ("received", "requests", "sent", "total", "upstream")

    def __init__(self) -> None:
        self.requests = self.received = self.sent = 0
        self.total: Histogram = {}
        self.upstream: Histogram = {}

    def add(self, took: int, upstream: int | None, received: int, sent: int) -> None:
        self.requests += 1
        self.received += received
        self.sent += sent
        self.total[took] = self.total.get(took, 0) + 1
        if upstream is not None:
            index = _bucket(upstream)
            self.upstream[index] = self.upstream.get(index, 0) + 1


class _Resource:
    __slots__ = ("client_errors", "requests", "server_errors", "total")

    def __init__(self) -> None:
        self.requests = self.client_errors = self.server_errors = 0
        self.total: Histogram = {}

    def add(self, status: int, took: int) -> None:
        self.requests += 1
        if status >= 500:
            self.server_errors += 1
        elif status >= 400:
            self.client_errors += 1
        self.total[took] = self.total.get(took, 0) + 1


class _Reservoir:
    """A fair choice of `size` of all that was added."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.kept: list[dict[str, Any]] = []
        self._seen = 0

    def add(self, entry: dict[str, Any]) -> None:
        self._seen += 1
        if len(self.kept) < self.size:
            self.kept.append(entry)
        elif (place := int(random.random() * self._seen)) < self.size:  # noqa: S311  (a sample, no secret)
            self.kept[place] = entry


def _traffic_count(key: Key, count: _Count) -> TrafficCount:
    window, name, method, status, policy, application = key
    namespace, api, route = _names(name)
    return TrafficCount(
        time=int(window) * 10,
        namespace=namespace,
        api=api,
        route=route,
        method=method,
        status=status,
        policy=_text(policy),
        application=_text(application),
        requests=count.requests,
        received_bytes=count.received,
        sent_bytes=count.sent,
        total=count.total,
        upstream=count.upstream,
    )


def _resource_count(key: tuple[str, str, str, str], count: _Resource) -> ResourceCount:
    window, name, method, resource = key
    namespace, api, _ = _names(name)
    return ResourceCount(
        time=int(window) * 10,
        namespace=namespace,
        api=api,
        method=method,
        resource=_text(resource),
        requests=count.requests,
        client_errors=count.client_errors,
        server_errors=count.server_errors,
        total=count.total,
    )


def _sample(entry: dict[str, Any]) -> RequestSample:
    namespace, api, route = _names(entry["r"])
    return RequestSample(
        at=float(entry["t"]),
        namespace=namespace,
        api=api,
        route=route,
        method=entry["m"],
        path=_text(entry["p"] or "/", 400),
        status=entry["s"],
        policy=_text(entry["y"]),
        application=_text(entry["x"]),
        protocol=_text(entry["h"]),
        total_us=entry["d"] or 0,
        upstream_us=entry["u"],
        received_bytes=entry["i"],
        sent_bytes=entry["o"],
        remote_address=_text(entry["c"]),
        user_agent=_text(entry["g"]),
        details=_text(entry["e"]),
        flags=_text(entry["f"]).strip("-"),
    )


def _names(route_name: str) -> tuple[str, str, str]:
    """(namespace, API, route) of an Envoy route name."""
    namespace, _, rest = _text(route_name, 600).partition("/")
    api, _, route = rest.partition("/")
    return namespace[:255], api[:255], route[:255]


def _text(value: str | None, length: int = 255) -> str:
    """Short enough, and without the NUL (written out, too) that the console's database cannot hold."""
    return (value or "")[:length].replace("\0", "").replace("\\u0000", "")


def _is_id(part: str) -> bool:
    return part.isdigit() or len(part) > 40 or sum(map(str.isdigit, part)) >= 3


def _bucket(microseconds: int) -> int:
    """`bucket`, looked up for the first 65 ms: it is asked twice a line."""
    if 0 <= microseconds < len(_BUCKETS):
        return _BUCKETS[microseconds]
    return bucket(microseconds)


def _remember(memory: dict[str, str], key: str, value: str) -> str:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
    return value
