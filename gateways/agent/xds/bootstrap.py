"""What Envoy starts with: everything that changes later comes from files beside it."""

from pathlib import Path
from typing import Any

from gateways.agent.settings import Limits
from gateways.agent.xds import overload
from gateways.protocol import regex

STATS_KEPT = (
    r"(cluster_manager|listener_manager|server|filesystem|overload)\..*",
    r"http\.p[0-9]+\.(rds\..*|downstream_cx_active|downstream_rq_active|downstream_cx_total|downstream_rq_total)",
    r"extension_config_discovery\..*\.(version_text|update_rejected)",
    # By what it counts here Envoy's fault filter knows how many faults are under way.
    r"(.*\.)?fault\.active_faults",
)
"""Other statistics cost throughput and nobody reads them: the access log is what is counted."""

RUNTIME = {
    "layers": [
        {
            "name": "gatewright",
            "static_layer": {
                "re2": {"max_program_size": {"error_level": regex.ENVOYS_MOST_INSTRUCTIONS}},
                # Else Envoy resolves `/a/..;x/b` before anything of ours sees and refuses it.
                "envoy.reloadable_features.strip_dotdot_segments_with_parameters": False,
                # Of one HTTP/2 connection: else one that sends and resets thousands keeps all others waiting.
                "http": {"max_requests_per_io_cycle": 1},
            },
        }
    ]
}
"""A second entry, whatever it says, costs each request 1,800 instructions, one in a hundred (measured)."""


def bootstrap(folder: Path, node: str, limits: Limits) -> dict[str, Any]:
    """`folder` holds the xDS files. The admin socket is relative to Envoy's working directory."""
    return {
        "node": {"id": node, "cluster": "gatewright"},
        "admin": {
            "address": {"pipe": {"path": "admin.sock", "mode": 0o600}},
            "ignore_global_conn_limit": True,
        },
        "dynamic_resources": {
            "cds_config": watched(folder / "cds.json"),
            "lds_config": watched(folder / "lds.json"),
        },
        "stats_config": {
            "use_all_default_tags": False,
            "stats_matcher": {
                "inclusion_list": {"patterns": [{"safe_regex": {"regex": regex}} for regex in STATS_KEPT]}
            },
        },
        "layered_runtime": RUNTIME,
        "overload_manager": overload.manager(folder, limits),
    }


def watched(path: Path) -> dict[str, Any]:
    """A configuration source: the file, taken anew when one is renamed onto it.

    Were its folder watched, as one can say too, each file would be read again when any of them is.
    """
    return {"resource_api_version": "V3", "path_config_source": {"path": str(path)}}
