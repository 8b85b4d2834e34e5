"""Replicas of a gateway that share a storage, in this process: one API with one policy."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from bench.contracts import VERSION
from bench.processes import free_port
from gateways.agent.apply import Applier
from gateways.agent.envoy.process import Envoy
from gateways.agent.settings import Proxying
from gateways.protocol.resources import Snapshot, digest
from gateways.protocol.shared_storage import SharedStorage


class Started(NamedTuple):
    """Its state folder, its port, its Envoy."""

    state: Path
    port: int
    pid: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def replica(
    started: ExitStack,
    folder: Path,
    storage: SharedStorage | None,
    upstream: str,
    *,
    policy: str,
    config: Mapping[str, Any],
) -> Started:
    """Raises AssertionError where the policy is refused. It ends with `started`."""
    state, port = folder / "state", free_port()
    envoy = Envoy(state, f"bench-{folder.name}", drain_seconds=1)
    envoy.start()
    applier = Applier(envoy, Proxying(shared_storage=storage))
    for end in (applier.documents.close, applier.sharing.close, envoy.stop, envoy.hurry):
        started.callback(end)
    found = {
        "apiVersion": VERSION,
        "kind": "ApiInstance",
        "metadata": {"name": "shared"},
        "spec": {
            "address": f"http://127.0.0.1:{port}/",
            "services": {"upstream": {"address": upstream}},
            "policies": [{"policyRef": {"name": policy}, "config": dict(config)}],
        },
    }
    told = {"gateway": "bench", "generation": 1, "digest": "", "resources": [found]}
    resources = Snapshot.model_validate(told).resources
    ack = applier.apply(resources, 1, digest(resources))
    if not ack.applied or envoy.pid is None:
        raise AssertionError(ack.reason)
    return Started(state, port, envoy.pid)
