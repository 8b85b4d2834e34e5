"""What a policy's own tests try requests with: APIs as the gateway translates them, in one rehearsal."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.protocol.rehearsal import Played, Request, Verdict
from gateways.protocol.resources import RESOURCE, AnyResource

__all__ = ["Played", "Rehearsal", "Request", "Verdict", "api"]


def api(name: str, policies: Sequence[tuple[str, Mapping[str, Any]]], **service: Any) -> AnyResource:
    """At /NAME on port 8081, with these policies in their order; `service` are fields of its one service."""
    spec = {
        "address": f"http://0.0.0.0:8081/{name}",
        "services": {"backend": {"address": "http://10.0.0.9:9000", **service}},
        "policies": [{"policyRef": {"name": one}, "config": dict(config)} for one, config in policies],
    }
    plain = {"apiVersion": "gatewright.dev/v1alpha1", "kind": "ApiInstance", "spec": spec}
    return RESOURCE.validate_python({**plain, "metadata": {"name": name}})
