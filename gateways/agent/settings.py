"""Settings of one gateway process: from the command line, then the environment, then defaults."""

import math
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateways.protocol.networks import MOST_HOPS, MOST_NETWORKS, TrustedProxies, checked_network
from gateways.protocol.shared_storage import SharedStorage, checked_sealing_key, of_url
from gateways.protocol.spelling import CHOICES, Slashes
from gateways.protocol.timeouts import LONGEST_SECONDS, SHORTEST_SECONDS
from policies.compiled import BUFFER_BYTES

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class BadSetting(ValueError):
    """An environment variable does not hold what it should; the text names it."""


@dataclass(frozen=True)
class Proxying:
    """How Envoy treats connections and streams; the names and defaults are Flex Gateway's FLEX_*.

    `slashes` is what becomes of `%2F`, `%5C` and `//` in paths; see `spelling`. `trusted` counts where the
    resources name nobody, `shared_storage` where they name none.
    `request_seconds` is how long a request may take to arrive, body and all; 0 sets no limit.
    """

    connection_idle_seconds: float = 60
    stream_idle_seconds: float = 300
    upstream_idle_seconds: float = 60
    upstream_response_seconds: float = 15
    buffer_limit_bytes: int = BUFFER_BYTES
    emits_envoy_headers: bool = False
    rewrites_host: bool = True
    removes_server_header: bool = False
    forward_client_cert: str = "SANITIZE"
    request_headers_seconds: float = 30
    request_seconds: float = 0
    most_headers: int = 100
    most_streams: int = 100
    slashes: Slashes = "as-sent"
    trusted: TrustedProxies = field(default_factory=TrustedProxies)
    shared_storage: SharedStorage | None = None


@dataclass(frozen=True)
class Limits:
    """What one Envoy may hold before it refuses more; no `memory_bytes` means most of what there is."""

    connections: int = 50_000
    memory_bytes: int | None = None


@dataclass(frozen=True)
class RunSettings:
    """What `gatewright run` runs with.

    `registration` are the files or folders to look for a registration in; unused with `local`.
    `concurrency` is Envoy's number of worker threads. `debounce_seconds` is how long Local Mode waits
    for more changes of its folder. A `control_port` of 0 means any free port.
    """

    state: Path
    name: str
    local: Path | None = None
    registration: tuple[Path, ...] = ()
    concurrency: int = 1
    control_host: str = "127.0.0.1"
    control_port: int = 0
    log_level: str = "info"
    drain_seconds: float = 25
    debounce_seconds: float = 0.1
    proxying: Proxying = field(default_factory=Proxying)
    limits: Limits = field(default_factory=Limits)


def state_folder(given: str | None, own: str = "gateway", environ: Mapping[str, str] = os.environ) -> Path:
    """--state, else GATEWRIGHT_STATE, else `own` below GATEWRIGHT_HOME or ./.gatewright; absolute."""
    told = given or environ.get("GATEWRIGHT_STATE")
    home = Path(environ.get("GATEWRIGHT_HOME") or ".gatewright")
    folder = (Path(told) if told else home / own).expanduser().absolute()
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        raise BadSetting(f"the state folder {os.fsencode(folder)!r} has a name that is not UTF-8") from None
    return folder


def replica_name(environ: Mapping[str, str] = os.environ) -> str:
    return environ.get("FLEX_NAME") or socket.gethostname()


def log_level(environ: Mapping[str, str] = os.environ) -> str:
    """The agent's level; FLEX_LOG_LEVEL counts as Flex Gateway's does, from 0 (fatal) to 16 (trace)."""
    number = _number(environ, "FLEX_LOG_LEVEL", 4, least=-1)
    levels = [(0, "critical"), (1, "error"), (2, "warning"), (4, "info")]
    return next((name for limit, name in levels if number <= limit), "debug")


def drain_seconds(environ: Mapping[str, str] = os.environ) -> float:
    return _number(environ, "FLEX_SERVICE_ENVOY_DRAIN_TIME", 25)


def debounce_seconds(environ: Mapping[str, str] = os.environ) -> float:
    return duration(environ, "FLEX_SYNC_DEBOUNCE_TIME", 0.1)


def proxying(environ: Mapping[str, str] = os.environ) -> Proxying:
    """Raises BadSetting."""
    default = Proxying()
    return Proxying(
        connection_idle_seconds=_timeout(
            environ, "FLEX_CONNECTION_IDLE_TIMEOUT_SECONDS", default.connection_idle_seconds
        ),
        stream_idle_seconds=_timeout(
            environ, "FLEX_STREAM_IDLE_TIMEOUT_SECONDS", default.stream_idle_seconds
        ),
        upstream_idle_seconds=_timeout(
            environ, "FLEX_UPSTREAM_CONNECTION_IDLE_TIMEOUT_SECONDS", default.upstream_idle_seconds
        ),
        upstream_response_seconds=_timeout(
            environ, "FLEX_UPSTREAM_RESPONSE_TIMEOUT_SECONDS", default.upstream_response_seconds
        ),
        buffer_limit_bytes=_count(
            environ, "FLEX_DOWNSTREAM_CONNECTION_BUFFER_LIMIT_BYTES", default.buffer_limit_bytes
        ),
        emits_envoy_headers=_boolean(environ, "FLEX_ENVOY_HEADERS_ENABLED", default.emits_envoy_headers),
        rewrites_host=_boolean(environ, "FLEX_REWRITE_HOST_HEADER", default.rewrites_host),
        removes_server_header=_boolean(environ, "FLEX_REMOVE_SERVER_HEADER", default.removes_server_header),
        forward_client_cert=_one_of(
            environ,
            "FLEX_FORWARD_CLIENT_CERT_DETAILS",
            ("SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"),
        ),
        request_headers_seconds=_timeout(
            environ, "GATEWRIGHT_REQUEST_HEADERS_TIMEOUT_SECONDS", default.request_headers_seconds
        ),
        request_seconds=_timeout(environ, "GATEWRIGHT_REQUEST_TIMEOUT_SECONDS", default.request_seconds),
        most_headers=_count(environ, "GATEWRIGHT_MAX_HEADERS", default.most_headers),
        most_streams=_count(environ, "GATEWRIGHT_MAX_STREAMS", default.most_streams),
        slashes=_slashes(environ),
        trusted=_trusted(environ),
        shared_storage=_shared_storage(environ),
    )


def limits(environ: Mapping[str, str] = os.environ) -> Limits:
    """Raises BadSetting."""
    memory = _count(environ, "GATEWRIGHT_MAX_MEMORY_BYTES", 0, least=0)
    return Limits(
        connections=_count(environ, "GATEWRIGHT_MAX_CONNECTIONS", Limits.connections),
        memory_bytes=memory or None,
    )


def duration(environ: Mapping[str, str], name: str, default: float) -> float:
    """Seconds, from "5s", "200ms", "1m" or a bare number of seconds."""
    text = environ.get(name, "").strip()
    if not text:
        return default
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m)?", text)
    if match is None:
        raise BadSetting(f'{name}: "{text}" is not a duration; write 500ms, 5s or 1m')
    return float(match[1]) * _UNITS[match[2] or "s"]


def _number(environ: Mapping[str, str], name: str, default: float, least: float = 0) -> float:
    text = environ.get(name, "").strip()
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        raise BadSetting(f'{name}: "{text}" is not a number') from None
    if not least <= number < math.inf:
        raise BadSetting(f'{name}: "{text}" is not {least:g} or more')
    return number


def _timeout(environ: Mapping[str, str], name: str, default: float) -> float:
    """0 is no timeout."""
    seconds = _number(environ, name, default)
    if seconds and not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise BadSetting(
            f'{name}: "{environ[name].strip()}" is neither 0 nor {SHORTEST_SECONDS:g} to {LONGEST_SECONDS}'
        )
    return seconds


def _count(environ: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    number = _number(environ, name, float(default), least)
    if not number.is_integer():
        raise BadSetting(f'{name}: "{number:g}" is not a whole number')
    return int(number)


def _boolean(environ: Mapping[str, str], name: str, default: bool) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in ("", "true", "false", "1", "0"):
        raise BadSetting(f'{name}: "{text}" is neither true nor false')
    return text in ("true", "1") if text else default


def _slashes(environ: Mapping[str, str]) -> Slashes:
    name = "GATEWRIGHT_PATH_SLASHES"
    text = environ.get(name, "").strip().lower() or "as-sent"
    for choice in CHOICES:
        if text == choice:
            return choice
    raise BadSetting(f'{name}: "{text}" is not one of {", ".join(CHOICES)}')


def _trusted(environ: Mapping[str, str]) -> TrustedProxies:
    """Networks and addresses, separated by commas."""
    name = "GATEWRIGHT_GATEWAY_TRUSTED_PROXIES"
    texts = [one.strip() for one in environ.get(name, "").split(",") if one.strip()]
    try:
        networks = tuple(checked_network(one) for one in texts)
    except ValueError as error:
        raise BadSetting(f"{name}: {error}") from None
    if len(networks) > MOST_NETWORKS:
        raise BadSetting(f"{name}: {len(networks)} networks; {MOST_NETWORKS} at most")
    name = "GATEWRIGHT_GATEWAY_TRUSTED_HOPS"
    hops = _count(environ, name, 0, least=0)
    if hops > MOST_HOPS:
        raise BadSetting(f'{name}: "{hops}" is more than {MOST_HOPS}')
    return TrustedProxies(networks, hops)


def _shared_storage(environ: Mapping[str, str]) -> SharedStorage | None:
    name = "GATEWRIGHT_SHARED_STORAGE"
    try:
        storage = of_url(text) if (text := environ.get(name, "").strip()) else None
        name = "GATEWRIGHT_SHARED_STORAGE_SEALING_KEY"
        if not (key := environ.get(name, "").strip()):
            return storage
        if storage is None:
            raise ValueError("does nothing without GATEWRIGHT_SHARED_STORAGE")
        return replace(storage, sealing_key=checked_sealing_key(key).encode())
    except ValueError as error:
        raise BadSetting(f"{name} {error}") from None


def _one_of(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    """The first choice is the default."""
    text = environ.get(name, "").strip().upper() or choices[0]
    if text not in choices:
        raise BadSetting(f'{name}: "{text}" is not one of {", ".join(choices)}')
    return text
