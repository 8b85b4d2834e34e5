"""What requests are counted by, from what the access log shows of them.

Every label is bounded: APIs, routes, policies, applications and upstreams by configuration, failures by
their vocabulary, methods and resources by the limits here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from gateways.agent.traffic.failures import NONE, Failure, failure, http_status
from gateways.agent.xds import access_log
from gateways.protocol.failures import CUT
from gateways.protocol.resource_paths import OTHER, template
from policies import catalog

METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
OTHER_METHOD = "OTHER"
RESOURCES_PER_API = 50
SERVICES_PER_API = 100

_REMEMBERED = 4096
ASKED = (*access_log.SENT_ON, "downstream_", "http2.remote_re")
"""How the response code details of a request begin that went to an upstream: answered, or left meanwhile."""

K = TypeVar("K")
T = TypeVar("T")


class NativeRefusal(NamedTuple):
    """How a native filter's refusal is told by the response code details; the reason as Refusal has it."""

    policy: str
    details: re.Pattern[str]
    reason: str

    @property
    def check(self) -> str:
        return self.reason.partition(": ")[0]

    def told(self, address: str, user_agent: str, status: int, time: str) -> str:
        """The reason with what the request had, what it was answered with, and after which time."""
        words = self.reason.replace("{address}", address).replace("{status}", str(status))
        return words.replace("{time}", time).replace("{user_agent}", user_agent)


def catalog_refusals() -> list[NativeRefusal]:
    """Every native refusal of the catalog."""
    return [
        NativeRefusal(policy.name, re.compile(one.details), one.reason)
        for policy in catalog.policies()
        for one in policy.refusals
    ]


@dataclass(frozen=True)
class TrafficLabels:
    """What requests are counted by in a window; `upstream` only where the request failed there.

    `check` is which check of the policy refused, `service` the upstream that was asked: "" where none was.
    """

    route: access_log.RouteName
    method: str
    status: int
    policy: str
    application: str
    failure: Failure = NONE
    upstream: str = ""
    check: str = ""
    service: str = ""

    @property
    def api(self) -> str:
        return f"{self.route.namespace}/{self.route.api}"

    @property
    def has_failed(self) -> bool:
        return bool(self.policy or self.failure.reason) or not 100 <= self.status < 400

    @property
    def error(self) -> str:
        """Whose error the answer is: "server", "client", or "" when it is none."""
        if self.status >= 500 or self.failure.reason == CUT:
            return "server"
        return "client" if self.status >= 400 else ""

    @property
    def is_known_to_api(self) -> bool:
        """Whether the API has what was asked for, as far as the answer tells."""
        return self.status != 404 and self.route.label != "none" and not self.policy


Keyed = tuple[TrafficLabels, access_log.Key]
"""What lines with one key are counted by, and the key."""


class Labels:
    """Names what a line shows, with a bounded memory of what it named before; outlives the tallies."""

    def __init__(self, refusals: Iterable[NativeRefusal] = ()) -> None:
        self._refusals = list(refusals)
        self._groups: dict[bytes, Keyed | None] = {}
        self._templates: dict[str, str] = {}
        self._resources: dict[str, set[str]] = {}
        self._services: dict[str, set[str]] = {}
        self._period = b""

    def group(self, period: bytes, text: bytes) -> Keyed | None:
        """What a line's key stands for; None for a request of no API. Raises ValueError."""
        self._begin(period)
        if text not in self._groups:
            key = access_log.key(text)
            _remember(self._groups, text, None if key is None else (self._group(key), key))
        return self._groups[text]

    def _group(self, key: access_log.Key) -> TrafficLabels:
        """The policy that refused is told from the response code details where it is a native filter."""
        method = key.method if key.method in METHODS else OTHER_METHOD
        native = None if key.policy else self.native(key)
        policy, check = (native.policy, native.check) if native else (key.policy, key.check)
        failed = NONE if policy else failure(key.status, key.flags, key.details, key.grpc_status)
        is_asked = not policy and (failed.reason or key.details.startswith(ASKED))
        service = self._service(key) if is_asked else ""
        status = key.refused_with or http_status(failed, key.status, key.flags, key.grpc_status)
        return TrafficLabels(key.route, method, status, policy, key.application, failed, "", check, service)

    def _service(self, key: access_log.Key) -> str:
        """OTHER past SERVICES_PER_API different ones a period."""
        known = self._services.setdefault(f"{key.route.namespace}/{key.route.api}", set())
        if not key.service or key.service in known:
            return key.service
        if len(known) >= SERVICES_PER_API:
            return OTHER
        known.add(key.service)
        return key.service

    def native(self, key: access_log.Key) -> NativeRefusal | None:
        """The native filter's refusal that a line with this key tells of."""
        return next((one for one in self._refusals if one.details.search(key.details)), None)

    def resource(self, period: bytes, api: str, path: str, is_known_to_api: bool) -> str:
        """The path with its ids replaced; OTHER past RESOURCES_PER_API different ones a period.

        What the API does not know (404) makes no new resource, so that a scanner cannot use them up.
        """
        name = self._templates.get(path) or _remember(self._templates, path, template(path))
        self._begin(period)
        known = self._resources.setdefault(api, set())
        if name in known:
            return name
        if not is_known_to_api or len(known) >= RESOURCES_PER_API:
            return OTHER
        known.add(name)
        return name

    def _begin(self, period: bytes) -> None:
        if period != self._period:
            self._period, self._resources, self._services = period, {}, {}


def _remember(memory: dict[K, T], key: K, value: T) -> T:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
    return value
