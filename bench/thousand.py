"""A thousand APIs with three policies each, and with five: what bringing them into force takes."""

import sys
import time
from pathlib import Path
from typing import Any

import httpx

from bench import report, rivals
from bench.live import CALLER
from bench.processes import Cores, resident_mb, wait_for
from bench.processes import running as program
from bench.stack import MeasuredStack, Rest, running

COLD_START, ENVOYS_MEMORY = (
    "cold start from the stored snapshot to the first answer (ms)",
    "Envoy's memory (MB)",
)
AIMS = {COLD_START: 2000, ENVOYS_MEMORY: 600}


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    """`rounds` cold starts and single changes; the first push happens once."""
    size = 50 if quick else 1000
    with rivals.upstream(folder / "upstream", Cores.of_this_machine()) as upstream:
        three, five = (
            _measured(folder / f"with-{each}", f"http://127.0.0.1:{upstream.port}", size, each, rounds)
            for each in (3, 5)
        )
    rows = [
        {"what": what, "three policies each": three[what], "five": five[what], "aim": AIMS.get(what)}
        for what in three
    ]
    report.tell("thousand", f"{size:,} APIs with policies each", rows, quick=quick, apis=size)


def _measured(folder: Path, upstream: str, size: int, each: int, rounds: int) -> dict[str, float]:
    folder.mkdir(mode=0o711)
    with running(folder / "stack") as stack:
        seeded = stack.django("bench.seed", str(size), str(stack.api_port), upstream, str(each))
        wait_for(lambda: seeded["generation"] in stack.applied_ms(), 180, "the APIs", every=0.05)
        first = stack.applied_ms()[seeded["generation"]]
        changed = [_change(stack, seeded, version) for version in range(1, rounds + 1)]
        weights = resident_mb(stack.envoy_pid), resident_mb(stack.agent_pid)
        snapshot = (stack.gateway_folder / "snapshot.json").stat().st_size
    starts = [_cold_start(stack, folder / f"cold-{number}", size) for number in range(rounds)]
    return {
        "first push, agent, until Envoy has it all (ms)": first,
        "one more change, agent (ms)": report.percentile(changed, 0.5),
        COLD_START: report.percentile(starts, 0.5),
        ENVOYS_MEMORY: round(weights[0]),
        "agent's memory (MB)": round(weights[1]),
        "stored snapshot (MB)": snapshot / 1e6,
    }


def _change(stack: MeasuredStack, seeded: dict[str, Any], version: int) -> float:
    rest = Rest.of(stack, seeded["organization"], seeded["environment"])
    header = {"outboundHeaders": [{"key": "X-Version", "value": str(version)}]}
    rest.patch_policy(seeded["first"], seeded["policy"], header)
    wanted = seeded["generation"] + version
    wait_for(lambda: wanted in stack.applied_ms(), 60, f"generation {wanted}", every=0.02)
    return stack.applied_ms()[wanted]


def _cold_start(stack: MeasuredStack, folder: Path, size: int) -> float:
    """Milliseconds from the command to the last API's first answer, with no console to ask."""
    began = time.monotonic()
    command = [sys.executable, "-m", "gateways.agent.cli", "run", "--concurrency", "1"]
    command += ["--state", str(stack.gateway_folder)]
    command += ["--registration", str(stack.gateway_folder / "registration.yaml")]
    environment = {"PYTHONPATH": str(Path(__file__).parents[1])}
    with program(command, folder=folder, environment=environment) as process:
        url = f"http://127.0.0.1:{stack.api_port}/bench-{size - 1}/"
        with httpx.Client(trust_env=False, headers=CALLER) as caller:
            wait_for(lambda: _serves(caller, url), 60, "cold start", alive=process, log=folder / "out.log")
        return 1000 * (time.monotonic() - began)


def _serves(caller: httpx.Client, url: str) -> bool:
    try:
        return caller.get(url).status_code == 200
    except httpx.HTTPError:
        return False
