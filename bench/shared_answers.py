"""Replicas that share answers: how soon one has what another asked for, what that saves, what it costs."""

import time
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import median

import httpx

from bench import report
from bench.contracts import VERSION
from bench.processes import free_port
from gateways.agent.apply import Applier
from gateways.agent.envoy.process import Envoy
from gateways.agent.settings import Proxying
from gateways.protocol.resources import Snapshot, digest
from gateways.protocol.shared_storage import SharedStorage
from tests.traffic.origin import Given, Origin, origin

ASKED, PATHS, IDLE_SECONDS, PAUSE_SECONDS = 200, 200, 5.0, 0.01
HEADERS = {"host": "shop.example.com"}
LONGEST_SECONDS = 10.0


def rows(folder: Path, storage: SharedStorage, *, quick: bool) -> list[dict[str, object]]:
    """`storage` has a sealing key."""
    return [row for many in (2, 4) for row in _of(folder / str(many), storage, many, quick=quick)]


def _of(folder: Path, storage: SharedStorage, many: int, *, quick: bool) -> list[dict[str, object]]:
    report.progress(f"answers of {many} replicas")
    with ExitStack() as started, httpx.Client(trust_env=False, headers=HEADERS) as client:
        upstream = started.enter_context(origin())
        upstream.answer = lambda _: Given(b"x" * 4096)
        urls = [_replica(started, folder / str(at), storage, upstream) for at in range(many)]
        for url in urls:
            client.get(f"{url}/first")
        _soon(client, urls, "met")
        waits = sorted(_soon(client, urls, str(number)) for number in range(20 if quick else ASKED))
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


def _soon(client: httpx.Client, urls: list[str], path: str) -> float:
    """Seconds until the second has what the first was just asked for."""
    client.get(f"{urls[0]}/{path}").raise_for_status()
    began, told = time.monotonic(), {"cache-control": "only-if-cached"}
    while client.get(f"{urls[1]}/{path}", headers=told).status_code != 200:
        if time.monotonic() - began > LONGEST_SECONDS:
            raise AssertionError("another replica's answer does not come")
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


def _replica(started: ExitStack, folder: Path, storage: SharedStorage, upstream: Origin) -> str:
    envoy, port = Envoy(folder / "state", f"bench-{folder.name}", drain_seconds=1), free_port()
    envoy.start()
    applier = Applier(envoy, Proxying(shared_storage=storage))
    for end in (applier.documents.close, applier.sharing.close, envoy.stop, envoy.hurry):
        started.callback(end)
    config = {"distributed": True, "ttl": 3600}
    found = {
        "apiVersion": VERSION,
        "kind": "ApiInstance",
        "metadata": {"name": "shared"},
        "spec": {
            "address": f"http://127.0.0.1:{port}/",
            "services": {"upstream": {"address": upstream.url}},
            "policies": [{"policyRef": {"name": "http-caching"}, "config": config}],
        },
    }
    told = {"gateway": "bench", "generation": 1, "digest": "", "resources": [found]}
    resources = Snapshot.model_validate(told).resources
    ack = applier.apply(resources, 1, digest(resources))
    if not ack.applied:
        raise AssertionError(ack.reason)
    return f"http://127.0.0.1:{port}"
