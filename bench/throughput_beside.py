"""Throughput of two checkouts in the same rounds, each beside an Envoy that does what its gateway does.

What a release has gained by features costs the Envoy beside it as much as the gateway. So the ratio tells
what the gateway itself takes, and its change what a release has made of that. Ratios are taken within a
round, whose proxies ran side by side.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
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
    seconds = 2 if quick else 6
    found = taken(folder, rounds, seconds, partial(_contenders, project=beside))
    title = (
        "Throughput of two checkouts, each beside its Envoy:"
        f" one proxy thread, {CONNECTIONS} connections, medians of {rounds} rounds"
    )
    report.tell("throughput-beside", title, rows(found), quick=quick, rounds=rounds, seconds=seconds)


def rows(found: Mapping[str, ProxyResult]) -> list[dict[str, Any]]:
    """`change` is this checkout's ratio beside the other's, in per cent: less is worse."""
    made = []
    for name, one in found.items():
        envoy, other = found[ENVOYS[not name.endswith(_BESIDE)]], found.get(name + _BESIDE)
        row = {
            "proxy": name,
            "requests/s": round(load.middle(one.loads).requests_per_second),
            "p50 ms": load.middle(one.loads).p50_ms,
            "p99 ms": load.middle(one.loads).p99_ms,
            "CPU µs/request": median(one.costs),
        }
        if name.startswith("Gatewright"):
            row |= {"of its Envoy": _ratio(one, envoy), "by CPU": _ratio_of_costs(one, envoy)}
        if other:
            theirs = found[ENVOYS[0]]
            row["change, %"] = _percent(_ratio(one, envoy), _ratio(other, theirs))
            row["change by CPU, %"] = _percent(_ratio_of_costs(one, envoy), _ratio_of_costs(other, theirs))
        errors = sum(run.errors for run in (*one.loads, *one.alone))
        made.append({**row, "errors": errors, "spread": spread(one.loads)})
    return made


def _ratio(one: ProxyResult, envoy: ProxyResult) -> float:
    pairs = zip(one.loads, envoy.loads, strict=True)
    return median(mine.requests_per_second / its.requests_per_second for mine, its in pairs)


def _ratio_of_costs(one: ProxyResult, envoy: ProxyResult) -> float:
    return median(its / mine for mine, its in zip(one.costs, envoy.costs, strict=True))


def _percent(now: float, then: float) -> float:
    return 100 * (now / then - 1)


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
