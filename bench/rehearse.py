"""What a rehearsal costs: from resources to the first verdict, and each request after it."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from bench import report
from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.protocol.rehearsal import Request
from gateways.protocol.resources import RESOURCE, AnyResource

CALLER = "203.0.113.9"
CREDENTIALS = ("authorization", "Basic YW5uOmNvcnJlY3QtaG9yc2U=")
FIRST_MS, FURTHER_MS = 300, 10


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    """The process is warm, as the one that answers a console is: what it imports is not counted."""
    further, rows = 50 if quick else 500, []
    for count in (1, 100):
        resources = [_api(number) for number in range(count)]
        _measured(resources, 1)
        firsts: list[float] = []
        others: list[float] = []
        for number in range(rounds):
            report.progress(f"{count} APIs, round {number + 1} of {rounds}")
            first, more = _measured(resources, further)
            firsts.append(first)
            others += more
        rows.append(
            {
                "APIs with three policies": count,
                "first verdict ms, p50": round(report.percentile(firsts, 0.5)),
                "worst": round(max(firsts)),
                "aim": FIRST_MS,
                "each further ms, p50": round(report.percentile(others, 0.5), 1),
                "p95": round(report.percentile(others, 0.95), 1),
                "aim, further": FURTHER_MS,
                "load of the machine": round(os.getloadavg()[0], 1),
            }
        )
    report.tell("rehearse", "Rehearsing a request", rows, quick=quick)


def _measured(resources: Sequence[AnyResource], further: int) -> tuple[float, list[float]]:
    """Milliseconds from the resources to the first verdict, and of each further request."""
    request = Request(target="/bench-0/", headers=(CREDENTIALS,), **{"from": CALLER})
    began = time.monotonic()
    with Rehearsal(resources) as rehearsal:
        assert rehearsal.ask(request).outcome == "upstream"
        first = 1000 * (time.monotonic() - began)
        return first, [rehearsal.ask(request).milliseconds for _ in range(further)]


def _api(number: int) -> AnyResource:
    policies = [
        ("ip-allowlist", {"ips": ["203.0.113.0/24"]}),
        ("http-basic-authentication", {"username": "ann", "password": "correct-horse"}),
        (
            "rate-limiting",
            {"rateLimits": [{"maximumRequests": 10**6, "timePeriodInMilliseconds": 60_000}]},
        ),
    ]
    spec = {
        "address": f"http://0.0.0.0:8081/bench-{number}",
        "services": {"backend": {"address": "http://10.0.0.9:9000"}},
        "policies": [{"policyRef": {"name": name}, "config": config} for name, config in policies],
    }
    plain = {"apiVersion": "gatewright.dev/v1alpha1", "kind": "ApiInstance", "spec": spec}
    return RESOURCE.validate_python({**plain, "metadata": {"name": f"bench-{number}"}})
