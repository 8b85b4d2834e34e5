"""Replicas that share a storage and a key answer what another one asked for; real Envoys, a real Valkey."""

import os
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from redis import Redis

from policies.catalog.http_caching import arrivals, store
from policies.catalog.http_caching.answers import MOST_REMEMBERED, SCRIPT, Answers, History, QueueAnswer
from policies.catalog.http_caching.arrivals import Arrivals
from policies.catalog.http_caching.sealing import Answer, AnswerSeal, Unsealed
from tests.faults.local_process import LocalProcess
from tests.gateways.shared_storage import Server
from tests.gateways.test_sharing import replicas
from tests.gateways.test_sharing_caches import API, HOST, get, send, take_part
from tests.traffic.gateway import Gateway
from tests.traffic.origin import Given, Origin, origin
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

KEY = b"what both replicas have and the storage has not"
PRIVATE = """
    - policyRef: {name: http-caching}
      config: {distributed: true, httpCachingKey: "#[attributes.headers['authorization']]", ttl: 3600}
      rules: [{path: /mine/.*}]
"""
BINDING = """
apiVersion: gatewright.dev/v1alpha1
kind: PolicyBinding
metadata: {name: cache}
spec:
  targetRef: {name: a}
  policyRef: {name: http-caching}
  config: {distributed: true, ttl: 3600}
"""
LARGE = 1_048_576
SOON_SECONDS = 2.0
"""A number of questions would be less than that on a fast machine."""
NUMBERS = count()
"""No path is asked for twice by chance."""


@pytest.fixture
def upstream() -> Iterator[Origin]:
    with origin() as server:
        yield server


@pytest.fixture
def both(tmp_path: Path, server: Server, upstream: Origin) -> Iterator[list[Gateway]]:
    """Two replicas that hear of each other's answers."""
    storage = replace(server.storage, sealing_key=KEY)
    with replicas(API.replace("ORIGIN", upstream.url) + PRIVATE, tmp_path, storage) as gateways:
        take_part(gateways)
        meet(gateways)
        yield gateways


def meet(gateways: list[Gateway]) -> None:
    """Each hears of what the other keeps from now on."""
    for one, other in (gateways, gateways[::-1]):
        wait_until(lambda one=one, other=other: reaches(one, other, f"/shared/met-{next(NUMBERS)}"))


def reaches(one: Gateway, other: Gateway, path: str) -> bool:
    """Whether what `one` asks for now is soon known to `other`."""
    get(one, path)
    return soon(lambda: is_known(other, path))


def soon(condition: Callable[[], bool]) -> bool:
    """Whether it comes true within the time that an answer takes to another replica."""
    ends = time.monotonic() + SOON_SECONDS
    while not (is_true := condition()) and time.monotonic() < ends:
        time.sleep(0.01)
    return is_true


def is_known(gateway: Gateway, path: str, **headers: str) -> bool:
    """Whether it is answered from the cache; the upstream is not asked."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = {"host": HOST, "cache-control": "only-if-cached", **named}
    return gateway.get(f"/a{path}", headers=asked).status_code == 200


def shared(one: Gateway, other: Gateway, path: str, **headers: str) -> None:
    get(one, path, **headers)
    wait_until(lambda: is_known(other, path, **headers))


@contextmanager
def storage(server: Server) -> Iterator[Redis]:
    known = server.storage
    with Redis(port=known.port, password=known.password, db=known.database) as client:
        yield client


def queue(client: Redis) -> str:
    return f"gatewright:answers:{AnswerSeal(KEY).name}"


def add(client: Redis, *sealed: bytes) -> None:
    """As whoever can write to the storage might."""
    client.rpush(queue(client), *sealed)
    client.hincrby(f"{queue(client)}:about", "count", len(sealed))


def test_what_one_replica_asked_for_the_other_answers(both: list[Gateway], upstream: Origin) -> None:
    one, other = both
    upstream.answer = lambda asked: Given(
        f"{asked.target} {asked.headers.get('x-tongue')}".encode(),
        headers=(("vary", "x-tongue"), ("cache-control", "max-age=100"), ("age", "40")),
    )
    for tongue in ("en", "de"):
        shared(one, other, "/shared/1", x_tongue=tongue)
    shared(other, one, "/disk/1")
    get(one, "/own/1")
    shared(one, other, "/mine/1", authorization="ann")

    answer = other.get("/a/shared/1", headers={"host": HOST, "x-tongue": "de"})
    assert (answer.content, upstream.asked["/shared/1"]) == (b"/shared/1 de", 2)
    assert 40 <= int(answer.headers["age"]) < 100
    assert "hit; ttl=5" in answer.headers["cache-status"]
    assert not is_known(other, "/mine/1", authorization="bob") and not is_known(other, "/shared/1")
    assert not is_known(other, "/own/1")


def test_a_large_answer_comes_whole_and_no_answer_fills_the_storage(
    both: list[Gateway], server: Server, upstream: Origin
) -> None:
    one, other = both
    upstream.answer = lambda asked: Given(os.urandom(1) * LARGE)
    for number in range(34):
        shared(one, other, f"/shared/{number}")

    asked = sum(upstream.asked.values())
    first, second = (gateway.get("/a/shared/33", headers={"host": HOST}) for gateway in both)
    assert first.content == second.content and len(second.content) == LARGE
    assert sum(upstream.asked.values()) == asked
    with storage(server) as client:
        lengths = [len(sealed) for sealed in client.lrange(queue(client), 0, -1)]
        assert LARGE < sum(lengths) <= 32 * LARGE
        assert client.hget(f"{queue(client)}:about", "bytes") == str(sum(lengths)).encode()
        assert 0 < client.pttl(queue(client)) <= 60_000
        assert int(client.hget(f"{queue(client)}:about", "count") or 0) <= asked, (
            "what came is told by nobody"
        )


def test_what_a_replica_forgets_itself_is_forgotten_before_others_hear_of_it(both: list[Gateway]) -> None:
    one, other = both
    before = len(numbers(other.envoy.state))
    get(one, "/shared/1")
    wait_until(lambda: len(numbers(other.envoy.state)) > before)
    other.applier.sharing.close()

    send(other, "PUT", "/shared/1")

    assert not is_known(other, "/shared/1")


def test_what_others_forgot_meanwhile_the_storage_does_not_take(server: Server) -> None:
    cache, keys = b"c" * 16, [bytes([number]) * 16 for number in range(3)]
    with storage(server) as client:
        client.hset("forgotten:about", mapping={"name": "known", "count": 9})
        client.rpush("forgotten", cache + keys[1], b"d" * 16 + bytes(16))

        def told(record: bytes, known: int, name: str = "known") -> int:
            words = name, "mark", -1, 1000, known, record, "sealed"
            found = client.eval(SCRIPT, 4, "forgotten", "forgotten:about", "queue", "queue:about", *words)
            return QueueAnswer.of(found).kept

        assert [told(cache + keys[1], known) for known in (7, 8, 9)] == [0, 1, 1]
        assert [told(b"d" * 16 + keys[1], known) for known in (8, 9)] == [0, 1]
        assert [told(cache + keys[2], known) for known in (6, 7)] == [0, 1], (
            "of six nobody knows what followed"
        )
        assert told(cache + keys[2], 9, "another storage") == 0


def test_what_was_forgotten_comes_back_by_no_way(
    both: list[Gateway], server: Server, upstream: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = both
    shared(one, other, "/shared/1")
    with storage(server) as client:
        (sealed,) = client.lrange(queue(client), -1, -1)
        assert b"/shared/1" not in sealed and b"answer" not in sealed
        send(one, "PUT", "/shared/1")
        wait_until(lambda: not is_known(other, "/shared/1"))
        strange = AnswerSeal(KEY).open(sealed)._replace(known=1e9, sealed_ms=1e15)
        add(
            client,
            sealed,
            bytes([*sealed[:-1], sealed[-1] ^ 1]),
            AnswerSeal(b"another").close(strange),
            b"junk",
        )
        # What was added before has been looked at when this is known.
        shared(one, other, "/shared/2")

        assert not is_known(one, "/shared/1") and not is_known(other, "/shared/1")
        wait_until(lambda: "foreign=3" in caplog.text)

        # And what is sealed rightly is as good as if it had come at once.
        shared(one, other, "/shared/1")
        for gateway in both:
            get(gateway, "/shared/3", x_order="invalidate-all")
        wait_until(lambda: not is_known(one, "/shared/2") and not is_known(other, "/shared/2"))
        meet(both)
        add(client, sealed)
        shared(one, other, "/shared/4")
        assert not is_known(one, "/shared/1") and not is_known(other, "/shared/1")


def test_a_storage_that_comes_back_has_answers_again(both: list[Gateway], server: Server) -> None:
    one, other = both
    shared(one, other, "/shared/1")
    with storage(server) as client:
        (sealed,) = client.lrange(queue(client), -1, -1)

    server.stop()
    wait_until(lambda: one.applier.sharing.trouble and other.applier.sharing.trouble)
    get(one, "/shared/2")
    assert is_known(other, "/shared/1") and not is_known(other, "/shared/2")

    server.start()
    meet(both)
    with storage(server) as client:
        add(client, sealed)
    shared(other, one, "/shared/3")
    assert not is_known(one, "/shared/1") and not is_known(other, "/shared/1")


@pytest.mark.parametrize(
    ("sealed", "sender", "left", "known", "is_taken"),
    [
        (1, 0, 9_000, 5, True),
        (1, -30_000, 9_000, 5, True),
        (1, 30_000, 9_000, 5, True),
        (1, -120_000, 9_000, 5, False),
        (1, 0, 500, 5, False),
        (-10_000, 0, 90_000, 5, False),
        (1, 0, 9_000, 4, False),
    ],
)
def test_times_are_the_storages_and_no_clock_makes_an_answer_last(
    tmp_path: Path, server: Server, sealed: int, sender: int, left: int, known: int, is_taken: bool
) -> None:
    """Milliseconds by which the clock of the storage, or of the sender, is ahead when it is sealed."""
    store.prepare(tmp_path)
    name, record = b"s" * 16, b"r" * 32
    receiver = Answers(tmp_path, KEY)
    with storage(server) as client:
        receiver.exchange(client, name, 0, {})
        receiver.forgotten([record], 5)
        seconds, micro = client.time()
        times = seconds * 1000 + micro / 1000 + sealed, time.time() * 1000 + sender, left, 0
        told = Answer(record, name, known, *times, 200, 0, 0, 0, b"key", b"", b"", b"body")
        add(client, AnswerSeal(KEY).close(told))
        receiver.exchange(client, name, 1, {})

    assert len(numbers(tmp_path)) == is_taken


def test_an_agent_that_is_killed(tmp_path: Path, server: Server, upstream: Origin) -> None:
    known = server.storage
    url = f"redis://:{quote(known.password)}@{known.host}:{known.port}/{known.database}"
    settings = {"GATEWRIGHT_SHARED_STORAGE": url, "GATEWRIGHT_SHARED_STORAGE_SEALING_KEY": KEY.decode()}
    with ExitStack() as ended:
        one, other = (process(ended, tmp_path / name, upstream, settings) for name in ("one", "other"))
        paths = (f"/a/{number}" for number in range(10_000))
        wait_until(lambda: reaches_process(one, other, next(paths)))
        wait_until(lambda: reaches_process(other, one, next(paths)))
        ask(one, "/a/kept")
        wait_until(lambda: is_at(other, "/a/kept"))
        other.signal(signal.SIGKILL)
        other.ends(10)

        assert is_at(other, "/a/kept")
        assert httpx.put(f"http://127.0.0.1:{one.port}/a/kept", headers={"host": HOST}).status_code == 200
        ask(one, "/a/meanwhile")
        other.start()

        wait_until(lambda: not is_at(other, "/a/kept"))
        wait_until(lambda: reaches_process(one, other, next(paths)))
        assert not is_at(other, "/a/kept") and not is_at(other, "/a/meanwhile")


def process(ended: ExitStack, folder: Path, upstream: Origin, settings: dict[str, str]) -> LocalProcess:
    folder.mkdir()
    made = LocalProcess(folder, upstream.url, settings)
    (folder / "conf.d" / "cache.yaml").write_text(BINDING)
    ended.callback(made.end)
    return made.start()


def reaches_process(one: LocalProcess, other: LocalProcess, path: str) -> bool:
    ask(one, path)
    return soon(lambda: is_at(other, path))


def ask(one: LocalProcess, path: str) -> None:
    assert httpx.get(f"http://127.0.0.1:{one.port}{path}", headers={"host": HOST}).status_code == 200


def is_at(one: LocalProcess, path: str) -> bool:
    headers = {"host": HOST, "cache-control": "only-if-cached"}
    return httpx.get(f"http://127.0.0.1:{one.port}{path}", headers=headers).status_code == 200


def test_what_is_sealed_is_opened_with_the_same_key_alone() -> None:
    seal = AnswerSeal(KEY)
    texts = b"key", b"", b"\nname:value", b"body"
    one = Answer(b"r" * 32, b"s" * 16, 7, 1.5, 2.5, 3.5, 4.5, 200, 1, 0, 1, *texts)
    sealed = seal.close(one)

    assert AnswerSeal(KEY).open(sealed) == one
    assert seal.close(one) != sealed
    for wrong in (b"", sealed[:40], sealed[:-1], sealed + b"x", AnswerSeal(KEY + b"x").close(one)):
        with pytest.raises(Unsealed):
            AnswerSeal(KEY).open(wrong)


def test_history_that_is_too_long_refuses_what_is_older_than_it() -> None:
    history, cache = History(), b"c" * 16
    history.add([cache + bytes([number]) * 16 for number in range(1, 4)], 30)
    assert history.is_forgotten(cache + b"\2" * 16, 28) and not history.is_forgotten(cache + b"\2" * 16, 29)
    assert not history.is_forgotten(cache + b"\7" * 16, 1)
    history.add([cache + bytes(16)], 31)
    assert history.is_forgotten(cache + b"\7" * 16, 30) and not history.is_forgotten(b"d" * 32, 1)

    history.add(
        [number.to_bytes(32, "big") for number in range(1, MOST_REMEMBERED + 1)], 31 + MOST_REMEMBERED
    )
    assert history.is_forgotten(b"d" * 32, 30) and not history.is_forgotten(b"d" * 32, 31)


def test_arrivals_make_room_for_later_ones(tmp_path: Path) -> None:
    arrivals.prepare(tmp_path)
    found = Arrivals(tmp_path, most_bytes=100)
    told = Answer(b"", b"s" * 16, 7, 1.5, 2.5, 3.5, 4.5, 200, 1, 0, 1, b"key", b"", b"", b"b" * 37)
    for number in range(1, 8):
        assert found.put(told._replace(record=bytes([number]) * 32), 0, 1, 0)
        assert len(numbers(tmp_path)) == min(number, 2)
    assert not found.put(told._replace(record=b"\7" * 32, sealed_ms=1.0), 0, 1, 0), "an older one of the same"
    assert not found.put(told._replace(record=b"\7" * 32, sealed_ms=2.0, body=b"b" * 98), 0, 1, 0), (
        "too large"
    )
    found.forget([b"\7" * 16 + bytes(16)])
    assert len(numbers(tmp_path)) == 1
    found.forget_all()
    assert numbers(tmp_path) == []


def numbers(state: Path) -> list[float]:
    """Of the slots that have an answer."""
    content = arrivals.MEMORY.path(state).read_bytes()[arrivals.SLOTS : arrivals.DATA]
    found = [struct.unpack_from("=d", content, at)[0] for at in range(0, len(content), arrivals.SLOT_BYTES)]
    return [one for one in found if one]
