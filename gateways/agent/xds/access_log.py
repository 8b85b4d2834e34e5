"""What Envoy writes for each request: one line of text, and how it is read.

At 25 000 requests a second each field costs its writing and its reading. As text a line costs Envoy a third
less than as JSON, and what requests are counted by stands together, so that it can be looked up as it is.
No caller can write a field separator or the end of a line: no header may hold either.

The path is logged as the client sent it and without its query, which may hold secrets. A route rewrites
it before the log is written; what its name says of that is enough to tell the client's path from the one
sent on. Where a route puts a path together from groups, PATH_FILTER notes the client's beforehand.

Clusters are logged by the address that was configured (their `alt_stat_name`, see `cluster`): it is there
where no connection came about, and no name resolved. In the key they stand by their own name, which tells
upstreams of one address apart.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gateways.agent.xds import retries
from gateways.agent.xds.cluster import service_of

FIELD, PART = "\x1f", "\t"
"""Between the fields of a line, and between the parts of its first and its last text."""
NOTHING = b"-"
"""Stands for a missing value."""

_FIELD, _PART, _NOTHING = FIELD.encode(), PART.encode(), NOTHING.decode()
_KEY = (
    "%ROUTE_NAME%",
    "%REQ(:METHOD):16%",
    "%RESPONSE_CODE%",
    "%RESPONSE_CODE_DETAILS%",
    "%DYNAMIC_METADATA(gatewright:policy)%",
    "%DYNAMIC_METADATA(gatewright:application)%",
    "%RESPONSE_FLAGS%",
    "%UPSTREAM_CLUSTER_RAW%",
    "%GRPC_STATUS_NUMBER%",
)
_REST = (
    "%UPSTREAM_CLUSTER%",
    "%UPSTREAM_HOST%",
    "%PROTOCOL%",
    "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "%REQ(USER-AGENT):120%",
)
_FIELDS = (
    "%START_TIME(%s.%6f)%",
    PART.join(_KEY),
    "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
    "%COMMON_DURATION(US_TX_BEG:US_RX_BEG:us)%",
    "%BYTES_RECEIVED%",
    "%BYTES_SENT%",
    "%PATH(NQ:PATH):400%",
    "%FILTER_STATE(gatewright.path:PLAIN)%",
    "%FILTER_STATE(gatewright.held:PLAIN)%",
    "%DYNAMIC_METADATA(gatewright:reason):240%",
    "%DYNAMIC_METADATA(gatewright:observed):1400%",
    "%REQ(X-REQUEST-ID):64%",
    PART.join(_REST),
)
LOG_FORMAT: dict[str, Any] = {"text_format_source": {"inline_string": FIELD.join(_FIELDS) + "\n"}}
"""As Envoy's file access log takes it, as `log_format`."""


def fields(line: bytes) -> list[bytes]:
    """Time, key, whole and upstream's duration, bytes in and out, path, noted path, policies whose
    conditions held, a refusal's reason, what was observed, the request's id, and the rest.

    Raises ValueError where there are not as many.
    """
    found = line.split(_FIELD)
    if len(found) in (9, 10):
        found = _of_release_before(found)
    if len(found) != len(_FIELDS):
        raise ValueError(f"{len(found)} fields")
    return found


def _of_release_before(found: list[bytes]) -> list[bytes]:
    """Its Envoy writes on while ours takes over. One told no reason, nothing observed and no id; those before
    it nothing held either, the first its flags with the rest, and no upstream.
    """
    *before, rest = found
    if before[1].count(_PART) == 5:
        flags, _, rest = rest.partition(_PART)
        before[1] += _PART + flags
        rest = _PART.join((NOTHING, NOTHING, rest))
    return [*before, *[NOTHING] * (len(_FIELDS) - len(found)), rest]


def noting(name: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """The HTTP filter of this name that notes these of a request, as filter state of their names."""
    return {
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config",
            "on_request_headers": [
                {
                    "object_key": key,
                    "factory_key": "envoy.string",
                    "format_string": {"text_format_source": {"inline_string": text}},
                }
                for key, text in texts.items()
            ],
        },
    }


PASSED = "gatewright.passed"

PATH_FILTER = noting("gatewright.path", {"gatewright.path": "%PATH(NQ:PATH):400%"})
"""The HTTP filter that notes the client's path, for the routes that need it; it runs before any policy."""

HELD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
"""Names of policy bindings that can be noted; Kubernetes' own are."""


def held_filter(bindings: Sequence[str]) -> dict[str, Any]:
    """The HTTP filter that notes that the conditions of these policies held, behind what was noted before."""
    noted = "".join(f",{name}" for name in bindings)
    return noting("gatewright.held", {"gatewright.held": f"%FILTER_STATE(gatewright.held:PLAIN)%{noted}"})


def passed_filter(binding: str) -> dict[str, Any]:
    """The HTTP filter that notes that the request came past this policy."""
    return noting(PASSED, {PASSED: f"%FILTER_STATE({PASSED}:PLAIN)%,{binding}"})


def held(noted: bytes) -> list[str]:
    """The bindings in the field; it starts with what stands for nothing."""
    return noted.decode(errors="replace").split(",")[1:]


class ObservedRefusal(NamedTuple):
    """That a policy would have refused the request, and the reason."""

    binding: str
    reason: str


def observed(noted: bytes) -> list[ObservedRefusal]:
    """What is in the field; a text that was cut gives what was whole."""
    if noted == NOTHING:
        return []
    parts = noted.decode(errors="replace").split(PART)
    return [ObservedRefusal(*pair) for pair in zip(parts[:-1:2], parts[1:-1:2], strict=False)]


TIMED_OUT = "UT"
"""The response flag of an answer that did not begin in time."""

SENT_ON = ("via_upstream", "upstream_")
"""How the response code details of a request begin whose path a route has rewritten for certain."""


@dataclass(frozen=True)
class RouteName:
    """A route's name in Envoy: whose it is, and that `removed` in front of paths became `put`.

    `scripts` stands for what the route's Lua policies are: see scripts.lua.
    """

    namespace: str
    api: str
    label: str
    removed: str = ""
    put: str = ""
    scripts: str = ""

    def __str__(self) -> str:
        label = "".join(letter if letter.isprintable() else "_" for letter in self.label)
        return f"{self.namespace}/{self.api}/{label} {self.removed} {self.put} {self.scripts}"

    @classmethod
    def read(cls, text: str) -> "RouteName":
        """Labels may hold slashes and spaces. Raises ValueError for what is no such name."""
        name, removed, put, scripts = text.rsplit(" ", 3)
        namespace, api, label = name.split("/", 2)
        return cls(namespace, api, label, removed, put, scripts)

    def client_path(self, path: str, details: str) -> str:
        """What the client sent, from the logged path, which is rewritten if the request was sent on.

        Where `details` do not tell, a path that begins as clients' do is taken for one of theirs.
        """
        if path == self.put and details.startswith(SENT_ON):
            return self.removed or "/"
        is_clients = path == self.removed or path.startswith(f"{self.removed}/")
        if (is_clients and not details.startswith(SENT_ON)) or not path.startswith(f"{self.put}/"):
            return path
        return self.removed + path[len(self.put) :]


@dataclass(frozen=True)
class Key:
    """What a line is counted by; "" for what there is not. `check` is which one of the policy's refused,
    `service` what the route leads to, whether or not the request came so far.

    `grpc_status` is of calls of gRPC alone, `refused_with` of those that a script refused: the status of HTTP
    in the place of which they got it.
    """

    route: RouteName
    method: str
    status: int
    details: str
    policy: str
    application: str
    flags: str
    check: str = ""
    service: str = ""
    grpc_status: int | None = None
    refused_with: int | None = None


def key(text: bytes) -> Key | None:
    """None for a request of no route. Raises ValueError. The release before told no status of gRPC, the one
    before it no cluster.
    """
    route, method, status, *others = text.decode(errors="replace").split(PART)
    if route == _NOTHING:
        return None
    missing = [_NOTHING] * (6 - len(others)) if len(others) > 3 else []
    details, policy, application, flags, cluster, grpc = map(_value, [*others, *missing])
    if details == retries.REFUSED:
        details, flags = retries.TOO_LATE, TIMED_OUT
    policy, check, refused_with, *_ = [*policy.split(" "), "", ""]
    name = RouteName.read(route)
    service = service_of(cluster, name.namespace)
    said = details, policy, application, flags, check, service
    return Key(name, method, int(status), *said, _number(grpc), _number(refused_with))


@dataclass(frozen=True)
class LoggedRequest:
    """The other values of a line; "" for what there is not.

    `reason` is why a script refused, as it was told. `upstream` is where the request was sent by
    configuration, `upstream_address` by its connection.
    """

    at: float
    path: str
    total_us: int
    upstream_us: int | None
    received_bytes: int
    sent_bytes: int
    upstream: str
    upstream_address: str
    protocol: str
    remote_address: str
    user_agent: str
    reason: str
    observed: tuple[ObservedRefusal, ...]
    request_id: str


def entry(line: bytes, key: Key) -> LoggedRequest:
    """The rest of a line with this key. Raises ValueError for what is no such line."""
    time, _, total, upstream, received, sent, *texts = fields(line.rstrip(b"\n"))
    path, noted, _, reason, seen, id_, rest = texts
    upstream_name, upstream_address, protocol, address, agent = map(
        _value, rest.decode(errors="replace").split(PART, 4)
    )
    return LoggedRequest(
        at=float(time),
        path=client_path(key, path, noted),
        total_us=microseconds(total) or 0,
        upstream_us=microseconds(upstream),
        received_bytes=int(received),
        sent_bytes=int(sent),
        upstream=upstream_name,
        upstream_address=upstream_address,
        protocol=protocol,
        remote_address=address,
        user_agent=agent,
        reason=_value(reason.decode(errors="replace")),
        observed=tuple(observed(seen)),
        request_id=_value(id_.decode(errors="replace")),
    )


def upstream(rest: bytes) -> str:
    """Where a request was sent, from the last field of its line; "" when it was sent nowhere."""
    return _value(rest[: rest.find(_PART)].decode(errors="replace"))


def client_path(key: Key, path: bytes, noted: bytes) -> str:
    """From the fields of a line with this key."""
    if noted != NOTHING:
        return noted.decode(errors="replace")
    sent = _value(path.decode(errors="replace"))
    return key.route.client_path(sent or "/", key.details)


def microseconds(text: bytes) -> int | None:
    """A duration's field; None for one that there was not."""
    return None if text == NOTHING else int(text)


def _value(text: str) -> str:
    return "" if text == _NOTHING else text


def _number(text: str) -> int | None:
    return int(text) if text else None
