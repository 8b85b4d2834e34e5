"""Throughput of two checkouts in the same rounds, each beside an Envoy that does what its gateway does.

What a release has gained by features costs the Envoy beside it as much as the gateway. So the ratio tells
what the gateway itself takes, and its change what a release has made of that. A shared machine changes its
speed by a half from one minute to the next: so all proxies of a round run, each has many turns of a second,
and changes are taken within a turn of all.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from bench import bare_envoy, load, report, rivals
from bench.processes import Cores, Failed, RunningProxy, interpreter
from bench.throughput import ALIKE, CONNECTIONS, Contender, ProxyResult, gatewright, spread, taken

ENVOYS = ("Envoy, the log of the checkout beside", ALIKE)
"""Of the checkout beside and of this one: what their gateways are compared with."""
GATEWAYS = ("Gatewright, no policy", "Gatewright, IP rule + basic auth + rate limit")
_BESIDE = ", the checkout beside"
_THEIRS = """
import json, sys
from pathlib import Path
from bench import bare_envoy
from bench.processes import Cores
with bare_envoy.envoy(Path(sys.argv[1]), int(sys.argv[2]), Cores.of_this_machine()) as found:
    best = found[1] if isinstance(found, tuple) else found.get("alike", found["logging"])
    print(json.dumps([best.port, best.pid]), flush=True)
    sys.stdin.read()
"""
"""The Envoy of a checkout that does most of what its gateway does, until our end of the pipe is closed."""


def measure(folder: Path, *, quick: bool, rounds: int, beside: Path) -> None:
    turns = 2 if quick else 10
    found = taken(folder, rounds, 1, partial(_contenders, project=beside), turns)
    title = (
        "Throughput of two checkouts, each beside its Envoy:"
        f" one proxy thread, {CONNECTIONS} connections, medians of {rounds * turns} turns of a second"
    )
    report.tell("throughput-beside", title, rows(found), quick=quick, rounds=rounds, turns=turns)


def rows(found: Mapping[str, ProxyResult]) -> list[dict[str, Any]]:
    """`change` is this checkout's ratio beside the other's, in per cent: less is worse."""
    made = []
    for name, one in found.items():
        row = {
            "proxy": name,
            "requests/s": round(load.middle(one.loads).requests_per_second),
            "p50 ms": load.middle(one.loads).p50_ms,
            "p99 ms": load.middle(one.loads).p99_ms,
            "CPU µs/request": median(one.costs),
        }
        if name.startswith("Gatewright"):
            envoy = found[ENVOYS[not name.endswith(_BESIDE)]]
            speeds, costs = _ratios(_speeds(one), _speeds(envoy)), _ratios(envoy.costs, one.costs)
            row |= {"of its Envoy": median(speeds), "by CPU": median(costs)}
            if other := found.get(name + _BESIDE):
                theirs = found[ENVOYS[0]]
                row |= _changed("change", speeds, _ratios(_speeds(other), _speeds(theirs)))
                row |= _changed("change by CPU", costs, _ratios(theirs.costs, other.costs))
        errors = sum(run.errors for run in (*one.loads, *one.alone))
        made.append({**row, "errors": errors, "spread": spread(one.loads)})
    return made


def _speeds(one: ProxyResult) -> list[float]:
    return [run.requests_per_second for run in one.loads]


def _ratios(these: Sequence[float], those: Sequence[float]) -> list[float]:
    """Of each turn."""
    return [this / that for this, that in zip(these, those, strict=True)]


def _changed(name: str, now: Sequence[float], then: Sequence[float]) -> dict[str, float]:
    """The middle of what changed within each turn, and within what the true middle lies in 95 of 100 runs."""
    changes = sorted(100 * (ratio - 1) for ratio in _ratios(now, then))
    low, _, high = quantiles(changes, n=4)
    # The bound of a notch in a box plot: McGill, Tukey, Larsen, "Variations of Box Plots" (1978).
    return {f"{name}, %": median(changes), f"{name}, ±": 1.57 * (high - low) / len(changes) ** 0.5}


@contextmanager
def _contenders(folder: Path, cores: Cores, project: Path) -> Iterator[list[Contender]]:
    """The other's next to ours, so that a change of the machine hurts both."""
    with ExitStack() as started:
        begin = started.enter_context
        upstream = begin(rivals.upstream(folder / "upstream", cores)).port
        envoy = begin(bare_envoy.envoy(folder / "envoy", upstream, cores))
        theirs = begin(_envoy_of(project, folder / "envoy-beside", upstream))
        ours = begin(gatewright(folder / "gatewright", upstream, cores))
        other = begin(gatewright(folder / "gatewright-beside", upstream, cores, project))
        plain, guarded = GATEWAYS
        yield [
            Contender("Envoy, our access log", envoy["logging"]),
            Contender(ENVOYS[0], theirs),
            Contender(ENVOYS[1], envoy["alike"]),
            Contender(plain + _BESIDE, other, "/plain/"),
            Contender(plain, ours, "/plain/"),
            Contender(guarded + _BESIDE, other, "/guarded/"),
            Contender(guarded, ours, "/guarded/"),
        ]


@contextmanager
def _envoy_of(project: Path, folder: Path, upstream_port: int) -> Iterator[RunningProxy]:
    """Raises Failed."""
    command: Sequence[str] = [interpreter(project), "-c", _THEIRS, str(folder), str(upstream_port)]
    process = subprocess.Popen(
        command,
        cwd=project,
        env={"PYTHONPATH": str(project)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        if not (told := process.stdout.readline() if process.stdout else ""):
            raise Failed(f"the Envoy of {project} does not start")
        try:
            yield RunningProxy(*json.loads(told))
        finally:
            process.communicate()
