"""What conditions on policies cost a request: none of them holding, and one."""

import os
import sys
from pathlib import Path
from statistics import median

import httpx

from bench import load, report, rivals
from bench.processes import Cores, RunningProxy, family_cpu_seconds, free_port, running, wait_for
from bench.throughput import CONNECTIONS, RESOURCES

NUMBERS = (0, 1, 6, 20, 60)


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    cores = Cores.of_this_machine()
    seconds = 1 if quick else 4
    costs: dict[tuple[int, str], list[float]] = {}
    with rivals.upstream(folder / "upstream", cores) as upstream:
        port = free_port()
        (folder / "conf.d").mkdir()
        texts = [
            RESOURCES.format(name=f"c{n}", port=port, upstream_port=upstream.port, policies=_policies(n))
            for n in NUMBERS
        ]
        (folder / "conf.d" / "apis.yaml").write_text("".join(texts))
        command = [sys.executable, "-m", "gateways.agent.cli", "run", "--concurrency", "1"]
        command += ["--local", str(folder / "conf.d"), "--state", str(folder / "state")]
        environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
        with running(command, folder=folder, environment=environment) as process:
            url = f"http://127.0.0.1:{port}"
            wait_for(lambda: _answers(f"{url}/c0/"), 30, "gateway", alive=process, log=folder / "out.log")
            for _ in range(rounds):
                for n in NUMBERS:
                    for which, asked in (("none", {}), ("one", {"x-ask": f"-{n}-"})):
                        place = RunningProxy(port, process.pid)
                        costs.setdefault((n, which), []).append(_cost(place, f"{url}/c{n}/", asked, seconds))
    rows = [
        {
            "conditions": n,
            "none holds, CPU µs/request": median(costs[n, "none"]),
            "one holds": median(costs[n, "one"]),
        }
        for n in NUMBERS
    ]
    report.tell("conditions", "Policies, each with a condition of its own", rows, quick=quick, rounds=rounds)


def _policies(number: int) -> str:
    one = (
        "\n    - policyRef: {{name: header-injection}}\n      rules: [{{headers: {{x-ask: '.*-{n}-.*'}}}}]"
        "\n      config: {{inboundHeaders: [{{key: x-{n}, value: '1'}}]}}"
    )
    return "".join(one.format(n=n) for n in range(1, number + 1)) or "[]"


def _cost(place: RunningProxy, url: str, headers: dict[str, str], seconds: float) -> float:
    used = family_cpu_seconds(place.pid)
    cores = frozenset(os.sched_getaffinity(0))
    done = load.wrk(url, seconds=seconds, connections=CONNECTIONS, cores=cores, headers=headers)
    return 1e6 * (family_cpu_seconds(place.pid) - used) / max(1, done.requests)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False
