"""Click to live: from the REST call to the changed answer at the gateway, on connections that stay open."""

import random
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from bench import report, rivals
from bench.processes import PROJECT, Cores, wait_for
from bench.stack import MeasuredStack, Rest, running
from bench.throughput import CREDENTIALS
from bench.watch import Watch

AIMS_MS = {1: 150, 100: 300, 1000: 1000}
CALLER = {"Authorization": f"Basic {CREDENTIALS}"}


def measure(folder: Path, *, quick: bool, rounds: int, beside: Path | None = None) -> None:
    """`rounds` is of no use here: 50 changes are the sample. `beside` is another checkout to alternate with:
    both stacks stand all the time, and one is changed after the other.
    """
    changes = 10 if quick else 50
    sizes = (1, 20) if quick else tuple(AIMS_MS)
    checkouts = {"": PROJECT} if beside is None else {"this": PROJECT, "beside": beside}
    rows = []
    with rivals.upstream(folder / "upstream", Cores.of_this_machine()) as upstream:
        for size in sizes:
            with ExitStack() as started:
                measured = [
                    _Measured(
                        name,
                        started.enter_context(running(folder / f"stack-{size}{name}", project)),
                        f"http://127.0.0.1:{upstream.port}",
                        size,
                    )
                    for name, project in checkouts.items()
                ]
                for version in range(1, changes + 1):
                    for one in measured:
                        one.change(version)
                rows += [one.row() for one in measured]
    title = f"Click to live: {changes} changes of a policy by REST, each API with three policies"
    report.tell("live", title, rows, quick=quick, changes=changes)


class _Measured:
    """One stack with its APIs, watched."""

    def __init__(self, name: str, stack: MeasuredStack, upstream: str, size: int) -> None:
        self._name = name
        self._stack = stack
        self._size = size
        self._made = made = stack.django("bench.seed", str(size), str(stack.api_port), upstream)
        wait_for(lambda: made["generation"] in stack.applied_ms(), 120, "the seeded APIs", every=0.1)
        self._rest = Rest.of(stack, made["organization"], made["environment"])
        port = stack.api_port
        self._watch = Watch(port, "/bench-0/", CALLER, rivals.BODY, is_versioned=True)
        self._neighbour = Watch(port, f"/bench-{size - 1}/", CALLER, rivals.BODY, is_versioned=False)
        self._watch.start(connections=2, pause_seconds=0.004)
        self._neighbour.start(connections=2, pause_seconds=0.02)
        self._answered: list[float] = []
        self._live: list[float] = []

    def change(self, version: int) -> None:
        # As people do, not at once after the last one, and in no rhythm with any timer of ours.
        time.sleep(random.uniform(0.5, 1.0))  # noqa: S311 - no secret
        self._watch.newest_asked = version
        began = time.monotonic()
        header = {"outboundHeaders": [{"key": "X-Version", "value": str(version)}]}
        self._rest.patch_policy(self._made["first"], self._made["policy"], header)
        self._answered.append(1000 * (time.monotonic() - began))
        seen = self._watch.first_seen
        wait_for(partial(seen.__contains__, version), 30, f"version {version}", every=0.001)
        self._live.append(1000 * (seen[version] - began))

    def row(self) -> dict[str, Any]:
        self._watch.stop()
        self._neighbour.stop()
        seeded = self._made["generation"]
        agent = [ms for generation, ms in self._stack.applied_ms().items() if generation > seeded]
        wrong = [*self._watch.wrong, *self._neighbour.wrong]
        return {
            "APIs": self._size,
            **({"checkout": self._name} if self._name else {}),
            "p50 ms": report.percentile(self._live, 0.5),
            "p95 ms": report.percentile(self._live, 0.95),
            "max ms": max(self._live),
            "aim p95 ms": AIMS_MS.get(self._size),
            "of it REST p50 ms": report.percentile(self._answered, 0.5),
            "of it agent p50 ms": report.percentile(agent, 0.5),
            "requests meanwhile": self._watch.requests + self._neighbour.requests,
            "wrong or failed": len(wrong),
            "first wrong": next(iter(wrong), None),
        }
