"""What each policy of the catalog costs a request: the CPU time that Envoy takes more than without it.

A policy's `cost.yaml` says with which configuration and headers; it is the only policy of its API, and its
requests pass. One without the file is not measured.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import httpx
import yaml

from bench import load, report, rivals
from bench.processes import Cores, Failed, cpu_seconds, free_port, running, wait_for
from bench.throughput import CONNECTIONS
from policies import catalog, cost
from policies.policy import Policy

PLAIN, PLAIN_EVERY = "plain", 5
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: $name}
spec: {address: "http://127.0.0.1:$port/$name"}
---
apiVersion: gatewright.dev/v1alpha1
kind: Service
metadata: {name: $name}
spec: {address: "$upstream"}
---
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: "$name-way"}
spec: {targetRef: {name: $name}, policyRef: {name: route}, config: {destinationRef: {name: $name}}}
---
"""


@dataclass(frozen=True)
class Measured:
    """`given` is the configuration; None stands for the API without a policy."""

    name: str
    policy: Policy[Any] | None
    given: Mapping[str, Any]
    headers: Mapping[str, str]

    def resources(self, port: int, upstream: str) -> str:
        text = Template(API).substitute(name=self.name, port=port, upstream=upstream)
        if self.policy is None:
            return text
        kind = "Service" if self.policy.is_outbound else "ApiInstance"
        spec = {"targetRef": {"kind": kind, "name": self.name}, "policyRef": {"name": self.name}}
        plain = {"apiVersion": "gatewright.dev/v1alpha1", "kind": "PolicyBinding"}
        binding = {**plain, "metadata": {"name": f"{self.name}-own"}, "spec": {**spec, "config": self.given}}
        return text + json.dumps(binding).replace("UPSTREAM", upstream) + "\n---\n"


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    cores, seconds = Cores.of_this_machine(), 1 if quick else 2
    plain, policies = Measured(PLAIN, None, {}, {}), list(_measured())
    costs: dict[str, list[float]] = {}
    with rivals.upstream(folder / "upstream", cores) as upstream:
        port = free_port()
        (folder / "conf.d").mkdir()
        address = f"http://127.0.0.1:{upstream.port}"
        text = "".join(one.resources(port, address) for one in (plain, *policies))
        (folder / "conf.d" / "apis.yaml").write_text(text)
        command = ["taskset", "-c", ",".join(map(str, sorted(cores.proxy)))]
        command += [sys.executable, "-m", "gateways.agent.cli", "run", "--concurrency", "1"]
        command += ["--local", str(folder / "conf.d"), "--state", str(folder / "state")]
        environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
        with running(command, folder=folder, environment=environment) as process:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: _answers(url, plain), 60, "gateway", alive=process, log=folder / "out.log")
            for one in policies:
                if not _answers(url, one):
                    raise Failed(f"{one.name}: a request does not pass; mend its cost.yaml")
            for at in range(rounds):
                for number, one in enumerate(policies[:: 1 if at % 2 else -1]):
                    if number % PLAIN_EVERY == 0:
                        costs.setdefault(PLAIN, []).append(_cost(folder, url, plain, seconds))
                    costs.setdefault(one.name, []).append(_cost(folder, url, one, seconds))
                report.progress(f"round {at + 1} of {rounds}")
    _tell(costs, [one.policy for one in policies if one.policy], quick, rounds)


def _tell(costs: Mapping[str, list[float]], policies: list[Policy[Any]], quick: bool, rounds: int) -> None:
    """The least of all rounds counts: a machine that others use too only ever adds to it."""
    least = {name: min(several) for name, several in costs.items()}
    without = least[PLAIN]
    rows = [
        {
            "policy": one.title,
            "CPU µs/request": least[one.name],
            "more than without": least[one.name] - without,
            "most of all rounds": max(costs[one.name]),
        }
        for one in sorted(policies, key=lambda one: -least[one.name])
    ]
    title = f"Each policy alone; a request without any takes Envoy {without:.1f} µs"
    report.tell("policies", title, rows, quick=quick, rounds=rounds, without=without)
    if quick:
        return
    known = {one.name: round(max(0.0, least[one.name] - without), 1) for one in policies}
    machine = report.machine()
    kept = {"at": machine["at"][:10], "machine": f"{machine['cores']} cores, {machine['cpu']}"}
    cost.FILE.write_text(json.dumps({**kept, "microseconds": known}, indent=2) + "\n")


def _measured() -> list[Measured]:
    found = []
    for policy in catalog.policies():
        file = catalog.FOLDER / policy.name.replace("-", "_") / "cost.yaml"
        if file.exists():
            told = yaml.safe_load(file.read_text())
            found.append(Measured(policy.name, policy, told["given"], told.get("headers", {})))
    return found


def _cost(folder: Path, url: str, one: Measured, seconds: float) -> float:
    """Of Envoy alone: the agent beside it reads the log whatever the policies."""
    pid = int((folder / "state" / "envoy.pid").read_text())
    cores = Cores.of_this_machine().rest
    used = cpu_seconds(pid)
    done = load.wrk(
        f"{url}/{one.name}/", seconds=seconds, connections=CONNECTIONS, cores=cores, headers=one.headers
    )
    if done.errors:
        raise Failed(f"{one.name}: {done.errors} requests did not pass")
    return 1e6 * (cpu_seconds(pid) - used) / max(1, done.requests)


def _answers(url: str, one: Measured) -> bool:
    try:
        return httpx.get(f"{url}/{one.name}/", headers=one.headers, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
