"""What requests are counted by, from what the access log shows of them.

Every label is bounded: APIs, routes, policies, applications and upstreams by configuration, failures by
their vocabulary, methods and resources by the limits here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from gateways.agent.traffic.failures import NONE, Failure, failure
from gateways.agent.xds import access_log
from gateways.protocol.failures import CUT
from policies import catalog

METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"])
OTHER_METHOD = "OTHER"
OTHER_RESOURCE = "(other)"
RESOURCES_PER_API = 50
ID = "{id}"

_REMEMBERED = 4096

K = TypeVar("K")
T = TypeVar("T")
Refusals = Iterable[tuple[str, re.Pattern[str]]]


def catalog_refusals() -> list[tuple[str, re.Pattern[str]]]:
    """(policy, expression over the response code details) for every native refusal of the catalog."""
    return [(policy.name, re.compile(text)) for policy in catalog.policies() for text in policy.refusals]


@dataclass(frozen=True)
class Group:
    """What requests are counted by in a window; `upstream` only where the request failed there."""

    route: access_log.RouteName
    method: str
    status: int
    policy: str
    application: str
    failure: Failure = NONE
    upstream: str = ""

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


Keyed = tuple[Group, access_log.Key]
"""What lines with one key are counted by, and the key."""


class Labels:
    """Names what a line shows, with a bounded memory of what it named before; outlives the tallies."""

    def __init__(self, refusals: Refusals = ()) -> None:
        self._refusals = list(refusals)
        self._groups: dict[bytes, Keyed | None] = {}
        self._templates: dict[str, str] = {}
        self._resources: dict[str, set[str]] = {}
        self._period = b""

    def group(self, text: bytes) -> Keyed | None:
        """What a line's key stands for; None for a request of no API. Raises ValueError."""
        if text not in self._groups:
            key = access_log.key(text)
            _remember(self._groups, text, None if key is None else (self._group(key), key))
        return self._groups[text]

    def _group(self, key: access_log.Key) -> Group:
        """The policy that refused is told from the response code details where it is a native filter."""
        method = key.method if key.method in METHODS else OTHER_METHOD
        refusing = (name for name, expression in self._refusals if expression.search(key.details))
        policy = key.policy or next(refusing, "")
        failed = NONE if policy else failure(key.status, key.flags, key.details)
        return Group(key.route, method, key.status, policy, key.application, failed)

    def resource(self, period: bytes, api: str, path: str, is_known_to_api: bool) -> str:
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


def template(path: str) -> str:
    """The path with every segment that looks like an id replaced: /orders/4711 becomes /orders/{id}."""
    return "/".join(ID if _is_id(part) else part for part in path[:200].split("/"))


def _is_id(part: str) -> bool:
    return part.isdigit() or len(part) > 40 or sum(map(str.isdigit, part)) >= 3


def _remember(memory: dict[K, T], key: K, value: T) -> T:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
    return value
