"""Click to live: from the REST call to the changed answer at the gateway, on connections that stay open."""

import random
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench import report, rivals
from bench.processes import Cores, wait_for
from bench.stack import MeasuredStack, Rest, running
from bench.throughput import CREDENTIALS
from bench.watch import Watch

AIMS_MS = {1: 150, 100: 300, 1000: 1000}
CALLER = {"Authorization": f"Basic {CREDENTIALS}"}


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    """`rounds` is of no use here: 50 changes are the sample."""
    changes = 10 if quick else 50
    sizes = (1, 20) if quick else tuple(AIMS_MS)
    rows = []
    with rivals.upstream(folder / "upstream", Cores.of_this_machine()) as upstream:
        for size in sizes:
            with running(folder / f"stack-{size}") as stack:
                rows.append(_row(stack, f"http://127.0.0.1:{upstream.port}", size, changes))
    title = f"Click to live: {changes} changes of a policy by REST, each API with three policies"
    report.tell("live", title, rows, quick=quick, changes=changes)


def _row(stack: MeasuredStack, upstream: str, size: int, changes: int) -> dict[str, Any]:
    made = stack.django("bench.seed", str(size), str(stack.api_port), upstream)
    wait_for(lambda: made["generation"] in stack.applied_ms(), 120, "the seeded APIs", every=0.1)
    rest = Rest.of(stack, made["organization"], made["environment"])
    watch = Watch(stack.api_port, "/bench-0/", CALLER, rivals.BODY, is_versioned=True)
    neighbour = Watch(stack.api_port, f"/bench-{size - 1}/", CALLER, rivals.BODY, is_versioned=False)
    watch.start(connections=2, pause_seconds=0.004)
    neighbour.start(connections=2, pause_seconds=0.02)
    answered, live = [], []
    for version in range(1, changes + 1):
        # As people do, not at once after the last one, and in no rhythm with any timer of ours.
        time.sleep(random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        watch.newest_asked = version
        began = time.monotonic()
        rest.patch_policy(
            made["first"], made["policy"], {"outboundHeaders": [{"key": "X-Version", "value": str(version)}]}
        )
        answered.append(1000 * (time.monotonic() - began))
        wait_for(partial(watch.first_seen.__contains__, version), 30, f"version {version}", every=0.001)
        live.append(1000 * (watch.first_seen[version] - began))
    watch.stop()
    neighbour.stop()
    agent = [ms for generation, ms in stack.applied_ms().items() if generation > made["generation"]]
    return {
        "APIs": size,
        "p50 ms": report.percentile(live, 0.5),
        "p95 ms": report.percentile(live, 0.95),
        "max ms": max(live),
        "aim p95 ms": AIMS_MS.get(size),
        "of it REST p50 ms": report.percentile(answered, 0.5),
        "of it agent p50 ms": report.percentile(agent, 0.5),
        "requests meanwhile": watch.requests + neighbour.requests,
        "wrong or failed": len(watch.wrong) + len(neighbour.wrong),
        "first wrong": next(iter([*watch.wrong, *neighbour.wrong]), None),
    }
