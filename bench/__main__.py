"""`script/bench`: measures, prints tables, keeps bench/results."""

import argparse
import importlib
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Never

from bench.processes import Failed, end

# "parts" and "instructions" are for whoever tunes, "http_cache" needs Node: none is among the figures.
ASIDE = ("parts", "instructions", "http_cache")
ENDING = (signal.SIGTERM, signal.SIGHUP)
MEASUREMENTS = (
    *("throughput", "live", "thousand", "counting", "console", "streams", "rehearse", "conditions"),
    *("contracts", "policies", "sharing", "alerts", "consumers"),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    parser.add_argument("measurement", nargs="?", default="all", choices=(*MEASUREMENTS, *ASIDE, "all"))
    parser.add_argument("--quick", action="store_true", help="small and short: shows that it works")
    parser.add_argument("--rounds", type=int, help="alternating rounds (5; with --quick 1)")
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="DIR",
        help="live, throughput: another checkout, measured in turns with this",
    )
    parser.add_argument(
        "--only",
        metavar="TEXT",
        help="console, consumers, instructions, policies: what has it in its name alone; kept nowhere",
    )
    given = parser.parse_args()
    if given.only and given.measurement not in ("console", "consumers", "instructions", "policies"):
        parser.error("--only is for console, consumers, instructions and policies")
    if given.beside and given.measurement not in ("live", "throughput"):
        parser.error("--beside is for live and throughput")
    for asked in ENDING:
        signal.signal(asked, _leave)
    rounds = given.rounds or (1 if given.quick else 5)
    if given.measurement == "all":
        # Each in a process of its own: what one leaves in memory is not the next one's.
        options = ["--rounds", str(rounds), *(["--quick"] if given.quick else [])]
        return max([_measured([name, *options]) for name in MEASUREMENTS])
    with tempfile.TemporaryDirectory(prefix="gatewright-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        try:
            is_other = given.beside and given.measurement == "throughput"
            name = "throughput_beside" if is_other else given.measurement
            measurement = importlib.import_module(f"bench.{name}")
            more = {"beside": given.beside.resolve()} if given.beside else {}
            more |= {"only": given.only} if given.only else {}
            measurement.measure(Path(folder), quick=given.quick, rounds=rounds, **more)
        except Failed as failed:
            print(f"error: {failed}", file=sys.stderr)
            return 1
    return 0


def _leave(asked: int, frame: FrameType | None) -> Never:
    """As if the measurement had failed, so that all that it started is ended; once is enough."""
    for one in ENDING:
        signal.signal(one, signal.SIG_IGN)
    sys.exit(128 + asked)


def _measured(words: list[str]) -> int:
    process = subprocess.Popen([sys.executable, "-m", "bench", *words])
    try:
        return process.wait()
    finally:
        end(process)


if __name__ == "__main__":
    sys.exit(main())
