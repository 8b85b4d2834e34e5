"""Replicas that share answers: how soon one has what another asked for, what that saves, what it costs."""

import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import median

import httpx

from bench import report
from bench.replicas import replica
from gateways.protocol.shared_storage import SharedStorage
from tests.traffic.origin import Given, Origin, origin

ASKED, PATHS, IDLE_SECONDS, PAUSE_SECONDS = 200, 200, 5.0, 0.01
CONFIG = {"distributed": True, "ttl": 3600}
HEADERS = {"host": "shop.example.com"}
LONGEST_SECONDS, MEET_SECONDS, MOST_TRIES = 10.0, 1.0, 10


def rows(folder: Path, storage: SharedStorage, *, quick: bool) -> list[dict[str, object]]:
    """`storage` has a sealing key."""
    return [row for many in (2, 4) for row in _of(folder / str(many), storage, many, quick=quick)]


def _of(folder: Path, storage: SharedStorage, many: int, *, quick: bool) -> list[dict[str, object]]:
    report.progress(f"answers of {many} replicas")
    with ExitStack() as started, httpx.Client(trust_env=False, headers=HEADERS) as client:
        upstream = started.enter_context(origin())
        upstream.answer = lambda _: Given(b"x" * 4096)
        places = [folder / str(at) for at in range(many)]
        urls = [
            replica(started, one, storage, upstream.url, policy="http-caching", config=CONFIG).url
            for one in places
        ]
        for url in urls:
            client.get(f"{url}/first")
        for other in urls[1:]:
            _meet(client, urls[0], other)
        waits = sorted(
            _waited(client, urls[0], urls[1], str(number)) for number in range(20 if quick else ASKED)
        )
        idle = _idle(many)
        saved = _saved(client, urls, upstream, 20 if quick else PATHS)
    return [
        {
            "what": f"{many} replicas, from one's miss until another's hit, ms: p50, p95, most",
            "figure": f"{1000 * median(waits):.0f}, {1000 * waits[int(len(waits) * 0.95)]:.0f}, "
            f"{1000 * waits[-1]:.0f}",
        },
        {"what": f"{many} replicas, upstream calls for what each asks once", "figure": saved},
        {"what": f"{many} replicas, an idle agent's % of a core", "figure": f"{idle:.1f}"},
    ]


def _meet(client: httpx.Client, one: str, other: str) -> None:
    """Until the other hears of the one's answers: what was told before it took part, it does not take."""
    for number in range(MOST_TRIES):
        if _soon(client, one, other, f"met-{number}", MEET_SECONDS) is not None:
            return
    raise AssertionError("another replica's answers do not come")


def _waited(client: httpx.Client, one: str, other: str, path: str) -> float:
    seconds = _soon(client, one, other, path, LONGEST_SECONDS)
    if seconds is None:
        raise AssertionError("another replica's answer does not come")
    return seconds


def _soon(client: httpx.Client, one: str, other: str, path: str, longest: float) -> float | None:
    """Seconds until the other has what the one was just asked for; None where that takes too long."""
    client.get(f"{one}/{path}").raise_for_status()
    began, told = time.monotonic(), {"cache-control": "only-if-cached"}
    while client.get(f"{other}/{path}", headers=told).status_code != 200:
        if time.monotonic() - began > longest:
            return None
        time.sleep(0.002)
    return time.monotonic() - began


def _idle(many: int) -> float:
    """The agents' threads are this process's."""
    used = time.process_time()
    time.sleep(IDLE_SECONDS)
    return 100 * (time.process_time() - used) / IDLE_SECONDS / many


def _saved(client: httpx.Client, urls: list[str], upstream: Origin, paths: int) -> str:
    """Each replica is asked for each path once, in any order, some hundred times a second in all."""
    asked = [f"{url}/saved-{number}" for url in urls for number in range(paths)]
    Random(0).shuffle(asked)  # noqa: S311 - an order
    before = sum(upstream.asked.values())
    for one in asked:
        client.get(one).raise_for_status()
        time.sleep(PAUSE_SECONDS)
    return f"{sum(upstream.asked.values()) - before} of {len(asked)}"
