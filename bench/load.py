"""The load generator: wrk, on the cores that the proxy does not have."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.processes import Failed

SCRIPT = Path(__file__).with_name("wrk.lua")
HOW_TO_GET_IT = "script/bench needs wrk. On Debian or Ubuntu: apt-get install wrk; else github.com/wg/wrk."
ERRORS = ("connect", "read", "write", "status", "timeout")


@dataclass(frozen=True)
class Load:
    """One run of wrk."""

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


def wrk(
    url: str,
    *,
    seconds: float,
    connections: int,
    cores: frozenset[int],
    headers: Mapping[str, str] = {},
    body: str = "",
) -> Load:
    """Keep-alive requests as fast as they are answered; POST where they have a body. Raises Failed."""
    program = shutil.which("wrk")
    if program is None:
        raise Failed(HOW_TO_GET_IT)
    command = ["taskset", "-c", ",".join(map(str, sorted(cores))), program, "-t", "1", "-c", str(connections)]
    command += ["-d", f"{max(1, round(seconds))}s", "--timeout", "5s", "-s", str(SCRIPT)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    done = subprocess.run(
        [*command, url],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
        env={**os.environ, "BENCH_BODY": body},
    )
    line = next((text for text in done.stdout.splitlines() if text.startswith("RESULT ")), None)
    if line is None:
        raise Failed(f"wrk: {done.stderr or done.stdout}")
    told = json.loads(line.removeprefix("RESULT "))
    return Load(
        requests=told["requests"],
        requests_per_second=told["requests"] / told["seconds"],
        p50_ms=told["p50_us"] / 1000,
        p99_ms=told["p99_us"] / 1000,
        errors=sum(told[kind] for kind in ERRORS),
    )


def middle(loads: Sequence[Load]) -> Load:
    """The median of each figure; errors add up."""
    return Load(
        round(median(one.requests for one in loads)),
        median(one.requests_per_second for one in loads),
        median(one.p50_ms for one in loads),
        median(one.p99_ms for one in loads),
        sum(one.errors for one in loads),
    )
