"""An API with more different conditions than marks of a rehearsal have room beside."""

import json
from typing import Any

import pytest

from tests.gateways.agent.rehearsal.test_verdicts import ask, decisions, rehearsal

pytestmark = pytest.mark.envoy

FIFTY: dict[str, Any] = {
    "apiVersion": "gatewright.dev/v1alpha1",
    "kind": "ApiInstance",
    "metadata": {"name": "fifty"},
    "spec": {
        "address": "http://0.0.0.0:8081/fifty",
        "services": {"backend": {"address": "http://10.0.0.9"}},
    },
}


def test_an_api_with_fifty_conditions_is_tried_as_gateways_run_it() -> None:
    """Marks that tell uses of one policy apart would take more room than there is."""
    lists = [("ip-blocklist", {"ips": ["127.0.0.0/8"]}, number) for number in (1, 2)]
    headers = [
        ("header-injection", {"outboundHeaders": [{"key": "x-at", "value": f"{n}"}]}, n) for n in range(52)
    ]
    policies = [
        {"policyRef": {"name": name}, "config": config, "rules": [{"path": f"/{kind}{number}(/.*)?"}]}
        for kind, found in (("b", lists), ("h", headers))
        for name, config, number in found
    ]
    with rehearsal(json.dumps({**FIFTY, "spec": {**FIFTY["spec"], "policies": policies}})) as made:
        served, refused = ask(made, "/fifty/h51"), ask(made, "/fifty/b2")

    assert served.outcome == "upstream", served.reason
    assert ("x-at", "51") in served.answer.headers
    assert decisions(refused)[:3] == ["not-applied", "refused", "not-reached"]
