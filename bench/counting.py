"""What counting costs: the same gateway with its access log read and shipped, and with nobody reading it."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import load, report, rivals
from bench.live import CALLER
from bench.load import Load
from bench.processes import Cores, cpu_seconds, pin, wait_for
from bench.stack import MeasuredStack, running
from bench.throughput import CONNECTIONS, gatewright


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    """Agent and Envoy share the proxy's core; all others have the rest."""
    cores = Cores.of_this_machine()
    seconds = 3 if quick else 10
    counted: list[Load] = []
    uncounted: list[Load] = []
    shares: list[float] = []
    costs: list[float] = []
    with ExitStack() as started:
        upstream = started.enter_context(rivals.upstream(folder / "upstream", cores)).port
        local = started.enter_context(gatewright(folder / "local", upstream, cores)).port
        stack = started.enter_context(running(folder / "stack"))
        made = stack.django("bench.seed", "2", str(stack.api_port), f"http://127.0.0.1:{upstream}")
        wait_for(lambda: made["generation"] in stack.applied_ms(), 60, "the API", every=0.05)
        _pin(stack, cores)
        how: dict[str, Any] = {
            "seconds": seconds,
            "connections": CONNECTIONS,
            "cores": cores.rest,
            "headers": CALLER,
        }
        for number in range(rounds):
            report.progress(f"round {number + 1} of {rounds}")
            uncounted.append(load.wrk(f"http://127.0.0.1:{local}/guarded/", **how))
            used, envoy = cpu_seconds(stack.agent_pid), cpu_seconds(stack.envoy_pid)
            began = time.monotonic()
            # The second one has the same three policies as `guarded`; the first has one more.
            counted.append(load.wrk(f"http://127.0.0.1:{stack.api_port}/bench-1/", **how))
            shares.append((cpu_seconds(stack.agent_pid) - used) / (time.monotonic() - began))
            costs.append(1e6 * (cpu_seconds(stack.envoy_pid) - envoy) / counted[-1].requests)
            _wait_until_quiet(stack)
    report.tell(
        "counting",
        "The cost of counting, three policies",
        _rows(counted, uncounted, shares, costs),
        quick=quick,
        rounds=rounds,
        seconds=seconds,
    )


def _rows(
    counted: list[Load], uncounted: list[Load], shares: list[float], costs: list[float]
) -> list[dict[str, Any]]:
    with_, without = load.middle(counted), load.middle(uncounted)
    ratio = with_.requests_per_second / without.requests_per_second
    return [
        {
            "gateway": "log written, nobody reads it",
            "requests/s": round(without.requests_per_second),
            "p99 ms": without.p99_ms,
            "errors": without.errors,
        },
        {
            "gateway": "log read, counted and shipped",
            "requests/s": round(with_.requests_per_second),
            "p99 ms": with_.p99_ms,
            "errors": with_.errors,
            "ratio": ratio,
            "aim": 0.9,
            "agent's share of the core": report.percentile(shares, 0.5),
            "Envoy's CPU µs/request": report.percentile(costs, 0.5),
        },
    ]


def _pin(stack: MeasuredStack, cores: Cores) -> None:
    """By their state folder, all programs of the stack; then the gateway's two."""
    for pid in stack.pids():
        pin(pid, cores.rest)
    for pid in (stack.agent_pid, stack.envoy_pid):
        pin(pid, cores.proxy)


def _wait_until_quiet(stack: MeasuredStack) -> None:
    """Until the agent has caught up with the log: it uses next to nothing for a while."""

    def is_quiet() -> bool:
        used = cpu_seconds(stack.agent_pid)
        time.sleep(3)
        return cpu_seconds(stack.agent_pid) - used < 0.15

    wait_for(is_quiet, 120, "the agent to have counted everything")
