"""Rate Limiting through a real Envoy with two worker threads."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from policies.compiled import Compiled
from policies.counting import shared_memory
from tests.policies.envoy import Envoy, compiled, running_envoy

HOUR = 3_600_000
UPTIME = int(time.monotonic() * 1000)
CROSSING = 2 ** UPTIME.bit_length() - UPTIME + 60_000
"""A period that ends beyond the next power of two, where a number has fewer digits after the point."""
BY_TENANT = "#[attributes.headers['x-tenant']]"
pytestmark = pytest.mark.envoy


def limits(*pairs: tuple[int, int], **more: Any) -> dict[str, Any]:
    return {
        "rateLimits": [
            {"maximumRequests": maximum, "timePeriodInMilliseconds": period} for maximum, period in pairs
        ],
        **more,
    }


CONFIGS = {
    "three": limits((3, HOUR)),
    "exposed": limits((3, HOUR), exposeHeaders=True),
    "tenants": limits((2, HOUR), keySelector=BY_TENANT),
    "window": limits((2, 300), exposeHeaders=True),
    "several": limits((5, HOUR), (2, 400), exposeHeaders=True),
    "crossing": limits((3, CROSSING), keySelector=BY_TENANT, exposeHeaders=True),
    "load": limits((500, HOUR)),
    "load-by-tenant": limits((40, HOUR), (100, HOUR * 2), keySelector=BY_TENANT),
    "broken": limits((3, HOUR), keySelector="#[lower([1])]"),
}


def chains(state: Path) -> dict[str, list[Compiled]]:
    return {name: [compiled("rate-limiting", config, state, name)] for name, config in CONFIGS.items()}


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("rate_limiting")
    shared_memory.prepare(folder)
    # The same binding compiled twice is what a route update leaves behind: a new script, the same counters.
    updated = compiled("rate-limiting", limits((4, HOUR)), folder, "three")
    with running_envoy({**chains(folder), "three-updated": [updated]}, folder, workers=2) as running:
        yield running


def statuses(envoy: Envoy, path: str, times: int, headers: dict[str, str] | None = None) -> list[int]:
    return [envoy.get(path, headers).status for _ in range(times)]


def test_requests_over_quota_get_429_and_an_update_resets_nothing(envoy: Envoy) -> None:
    assert statuses(envoy, "/three", 5) == [200, 200, 200, 429, 429]

    refused = envoy.get("/three")
    assert refused.json == {"error": "Quota has been exceeded."}
    assert refused.headers["content-type"] == "application/json"
    assert refused.headers["x-policy"] == "rate-limiting quota"
    assert "x-ratelimit-remaining" not in refused.headers
    assert HOUR / 1000 - 60 < int(refused.headers["retry-after"]) <= HOUR / 1000
    assert statuses(envoy, "/three-updated", 2) == [200, 429]


def test_exposed_headers_tell_the_quota(envoy: Envoy) -> None:
    answers = [envoy.get("/exposed") for _ in range(4)]

    told = [(a.status, a.headers["x-ratelimit-limit"], a.headers["x-ratelimit-remaining"]) for a in answers]
    assert told == [(200, "3", "2"), (200, "3", "1"), (200, "3", "0"), (429, "3", "0")]
    assert all(HOUR - 60_000 < int(answer.headers["x-ratelimit-reset"]) <= HOUR for answer in answers)


def test_window_is_never_told_longer_than_it_is(envoy: Envoy) -> None:
    answers = [envoy.get("/crossing", {"x-tenant": str(number)}) for number in range(30)]

    assert {answer.headers["x-ratelimit-reset"] for answer in answers} == {str(CROSSING)}


def test_each_key_has_its_own_count_and_missing_keys_share_one(envoy: Envoy) -> None:
    assert statuses(envoy, "/tenants", 3, {"x-tenant": "a"}) == [200, 200, 429]
    assert statuses(envoy, "/tenants", 3, {"x-tenant": "b"}) == [200, 200, 429]
    assert statuses(envoy, "/tenants", 1) + statuses(envoy, "/tenants", 2, {"x-tenant": ""}) == [
        200,
        200,
        429,
    ]


def test_window_starts_with_the_first_request_and_ends(envoy: Envoy) -> None:
    first = until(lambda: envoy.get("/window"), lambda a: a.headers["x-ratelimit-remaining"] == "1")
    assert first.headers["x-ratelimit-reset"] == "300"

    refused = until(lambda: envoy.get("/window"), lambda answer: answer.status == 429)
    assert refused.headers["retry-after"] == "1"
    again = until(lambda: envoy.get("/window"), lambda answer: answer.status == 200)
    assert again.headers["x-ratelimit-remaining"] == "1"


def test_refused_request_uses_no_quota_of_another_limit(envoy: Envoy) -> None:
    admitted = 0
    deadline = time.monotonic() + 20
    while admitted < 5 and time.monotonic() < deadline:
        answer = envoy.get("/several")
        admitted += answer.status == 200
        if answer.status == 429:
            assert answer.headers["x-ratelimit-limit"] == "2"

    assert admitted == 5
    last = until(lambda: envoy.get("/several"), lambda answer: answer.headers["x-ratelimit-limit"] == "5")
    assert last.status == 429
    assert int(last.headers["x-ratelimit-reset"]) > HOUR - 60_000


def test_failing_key_refuses(envoy: Envoy) -> None:
    assert envoy.get("/broken").status == 500


def test_exactly_the_quota_passes_under_load(envoy: Envoy) -> None:
    counted = load(envoy, "/load", requests=1500, tenants=[""])

    assert counted == {("", 200): 500, ("", 429): 1000}


def test_exactly_the_quota_of_each_key_passes_under_load(envoy: Envoy) -> None:
    tenants = [f"tenant-{n}" for n in range(10)]

    counted = load(envoy, "/load-by-tenant", requests=1000, tenants=tenants)

    assert {tenant: counted[tenant, 200] for tenant in tenants} == dict.fromkeys(tenants, 40)


@pytest.mark.parametrize("threads", [4, 8])
def test_more_threads_let_no_more_pass_and_another_envoy_counts_on(tmp_path: Path, threads: int) -> None:
    shared_memory.prepare(tmp_path)
    counted: Counter[tuple[str, int]] = Counter()
    for workers in (threads, 1, threads):
        with running_envoy(chains(tmp_path), tmp_path, workers=workers) as envoy:
            counted += load(envoy, "/load", requests=300, tenants=[""])

    assert counted == {("", 200): 500, ("", 429): 400}


def load(envoy: Envoy, path: str, *, requests: int, tenants: list[str]) -> Counter[tuple[str, int]]:
    """Statuses by tenant of requests sent over ten connections at once."""

    def send(share: int) -> Counter[tuple[str, int]]:
        connection = envoy.connect()
        counted: Counter[tuple[str, int]] = Counter()
        for i in range(requests // 10):
            tenant = tenants[(share + i) % len(tenants)]
            connection.request("GET", path, headers={"x-tenant": tenant})
            response = connection.getresponse()
            response.read()
            counted[tenant, response.status] += 1
        connection.close()
        return counted

    with ThreadPoolExecutor(10) as pool:
        return sum(pool.map(send, range(10)), Counter())


def until(request: Any, holds: Any) -> Any:
    """The first answer of which the claim holds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        answer = request()
        if holds(answer):
            return answer
    raise AssertionError("the expected answer did not come")


def test_counters_outlive_envoy_and_can_be_read(tmp_path: Path) -> None:
    shared_memory.prepare(tmp_path)
    with running_envoy(chains(tmp_path), tmp_path) as envoy:
        statuses(envoy, "/tenants", 5, {"x-tenant": "a"})
        statuses(envoy, "/three", 1)

    shared_memory.prepare(tmp_path)
    with running_envoy(chains(tmp_path), tmp_path) as envoy:
        assert envoy.get("/tenants", {"x-tenant": "a"}).status == 429

    found = {(c.binding, c.key): (c.requests, c.period_ms) for c in shared_memory.counters(tmp_path)}
    assert found == {("tenants", "a"): (2, HOUR), ("three", ""): (1, HOUR)}


def test_locks_of_a_dead_process_are_taken_over(tmp_path: Path) -> None:
    shared_memory.prepare(tmp_path)
    hold_all_locks_and_die = f"""
import ctypes, mmap, os
from policies.counting import shared_memory as shared
with shared.path(__import__("pathlib").Path({str(tmp_path)!r})).open("r+b") as file:
    memory = mmap.mmap(file.fileno(), shared.SIZE)
for bucket in range(shared.BUCKETS):
    lock = (ctypes.c_char * 128).from_buffer(memory, shared.PAGE * (1 + bucket))
    assert ctypes.CDLL(None).pthread_mutex_lock(lock) == 0
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", hold_all_locks_and_die], check=True, timeout=30)

    with running_envoy(chains(tmp_path), tmp_path, workers=2) as envoy:
        assert statuses(envoy, "/three", 4) == [200, 200, 200, 429]


def test_unknown_quota_refuses_or_passes_as_configured(tmp_path: Path) -> None:
    policies = {
        "closed": [compiled("rate-limiting", limits((3, HOUR)), tmp_path)],
        "open": [compiled("rate-limiting", limits((3, HOUR), blockOnUnknownQuota=False), tmp_path)],
    }

    with running_envoy(policies, tmp_path) as envoy:
        refused = envoy.get("/closed")
        assert refused.status == 503
        assert refused.json == {"error": "The quota of this request is not known."}
        assert envoy.get("/open").status == 200


def test_full_memory_forgets_the_least_used_counter_of_the_same_policy(tmp_path: Path) -> None:
    shared_memory.prepare(tmp_path)
    with running_envoy(chains(tmp_path), tmp_path) as envoy:
        assert statuses(envoy, "/load-by-tenant", 5, {"x-tenant": "busy"}) == [200] * 5
        fill(tmp_path, like="load-by-tenant", requests=1)

        assert statuses(envoy, "/load-by-tenant", 41, {"x-tenant": "new"}) == [200] * 40 + [429]
        assert statuses(envoy, "/load-by-tenant", 36, {"x-tenant": "busy"}) == [200] * 35 + [429]


def test_full_memory_frees_no_key_whose_quota_is_used_up(tmp_path: Path) -> None:
    shared_memory.prepare(tmp_path)
    with running_envoy(chains(tmp_path), tmp_path) as envoy:
        assert statuses(envoy, "/tenants", 3, {"x-tenant": "refused"}) == [200, 200, 429]
        fill(tmp_path, like="tenants", requests=2)

        assert envoy.get("/tenants", {"x-tenant": "new"}).status == 503
        assert envoy.get("/tenants", {"x-tenant": "refused"}).status == 429


def test_memory_filled_by_one_policy_has_room_for_the_others(tmp_path: Path) -> None:
    shared_memory.prepare(tmp_path)
    with running_envoy(chains(tmp_path), tmp_path) as envoy:
        assert statuses(envoy, "/tenants", 3, {"x-tenant": "refused"}) == [200, 200, 429]
        filled = fill(tmp_path, like="tenants", requests=2)

        assert statuses(envoy, "/three", 4) == [200, 200, 200, 429]
        assert statuses(envoy, "/load-by-tenant", 41, {"x-tenant": "a"}) == [200] * 40 + [429]
        fill_with(tmp_path, filled)
        assert envoy.get("/tenants", {"x-tenant": "new"}).status == 503
        assert envoy.get("/three").status == 429
        assert envoy.get("/load-by-tenant", {"x-tenant": "a"}).status == 429


def test_counters_whose_window_is_over_make_room(tmp_path: Path) -> None:
    shared_memory.prepare(tmp_path)
    with running_envoy(chains(tmp_path), tmp_path) as envoy:
        assert statuses(envoy, "/tenants", 3, {"x-tenant": "refused"}) == [200, 200, 429]
        fill(tmp_path, like="tenants", requests=2, ago_ms=HOUR)

        assert statuses(envoy, "/tenants", 3, {"x-tenant": "new"}) == [200, 200, 429]


def fill(state: Path, like: str, requests: int, ago_ms: int = 0) -> bytes:
    """Gives every free cell to another key of this policy, used so often; windows began so long ago."""
    start = time.clock_gettime(time.CLOCK_MONOTONIC) * 1000 - ago_ms
    found = [cell for _, cell in cells(state)]
    first = next(cell for cell in found if cell[-1].startswith(f"{like}\n".encode()))
    other = shared_memory.CELL.pack(1, 2, HOUR, start, requests, *first[5:7], 0, 0, 0, 0, 0, b"")
    fill_with(state, other)
    return other


def fill_with(state: Path, other: bytes) -> None:
    free = [offset for offset, cell in cells(state) if cell[2] == 0]
    with shared_memory.path(state).open("r+b") as opened:
        for offset in free:
            opened.seek(offset)
            opened.write(other)


def cells(state: Path) -> list[tuple[int, tuple[Any, ...]]]:
    """(offset, what is there) of every cell."""
    content = shared_memory.path(state).read_bytes()
    offsets = [
        bucket + offset
        for bucket in range(shared_memory.PAGE, shared_memory.SIZE, shared_memory.PAGE)
        for offset in range(shared_memory.CELL_BYTES, shared_memory.PAGE, shared_memory.CELL_BYTES)
    ]
    return [(offset, shared_memory.CELL.unpack_from(content, offset)) for offset in offsets]


def test_prepare_keeps_a_usable_file_and_replaces_another(tmp_path: Path) -> None:
    shared_memory.prepare(tmp_path)
    file = shared_memory.path(tmp_path)
    first = file.read_bytes()
    shared_memory.prepare(tmp_path)
    assert file.read_bytes() == first

    file.write_bytes(b"something else")
    shared_memory.prepare(tmp_path)

    assert len(file.read_bytes()) == shared_memory.SIZE
    assert shared_memory.counters(tmp_path) == []


def test_memory_of_a_state_folder_that_is_gone_is_freed(tmp_path: Path) -> None:
    shared_memory.prepare(tmp_path / "gone")
    memory = shared_memory.path(tmp_path / "gone").resolve()
    shutil.rmtree(tmp_path / "gone")

    shared_memory.prepare(tmp_path / "new")

    assert not memory.exists()
    assert shared_memory.path(tmp_path / "new").exists()


def test_copied_state_folder_counts_for_itself(tmp_path: Path) -> None:
    shared_memory.prepare(tmp_path / "one")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "shm").symlink_to((tmp_path / "one" / "shm").resolve())

    shared_memory.prepare(tmp_path / "two")

    assert shared_memory.path(tmp_path / "one").resolve() != shared_memory.path(tmp_path / "two").resolve()
