"""A storage that is slow, full, damaged, or none at all: what replicas count by it stays right."""

import mmap
import signal
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from gateways.agent.sharing.exchange import exchange
from gateways.agent.sharing.keeper import Sharing
from gateways.agent.translate import ir
from gateways.agent.translate.apis import translate
from gateways.protocol.resources import RESOURCE
from gateways.protocol.shared_storage import SharedStorage
from policies.counting import shared_memory
from policies.counting.counts import Counts
from policies.counting.shared_memory import BUCKETS, CELL, CELL_BYTES, CHANGED, PAGE, SIZE, Cell
from tests.gateways import shared_storage
from tests.gateways.shared_storage import Server
from tests.gateways.test_sharing import LONG
from tests.waiting import wait_until


class Replica:
    """Counts as Envoy's threads do, and what is told of them."""

    def __init__(self, state: Path) -> None:
        shared_memory.prepare(state)
        self.state = state
        self.said: list[str] = []
        with shared_memory.path(state).open("r+b") as opened:
            self.memory = mmap.mmap(opened.fileno(), SIZE)

    def count(self, requests: int, bucket: int = 0) -> None:
        """So many in all, of a key that is in this bucket."""
        now, wall = time.clock_gettime(time.CLOCK_MONOTONIC) * 1000, time.time() * 1000
        before = self.cell(bucket)
        start = before.start or now - wall % LONG
        cell = before._replace(
            high=1, low=bucket, period=LONG, start=start, requests=requests, digest=bucket + 1, digest_2=7
        )
        CELL.pack_into(self.memory, self._place(bucket), *cell)
        self.mark(bucket)

    def mark(self, bucket: int) -> None:
        self.memory[CHANGED + bucket] = 1

    def cell(self, bucket: int = 0) -> Cell:
        return Cell(*CELL.unpack_from(self.memory, self._place(bucket)))

    @staticmethod
    def _place(bucket: int) -> int:
        return PAGE * (1 + bucket) + CELL_BYTES


@contextmanager
def telling(replica: Replica, storage: SharedStorage) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=exchange, args=(storage, replica.state, over, replica.said.append))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One for all."""
    with shared_storage.running() as one:
        yield one


@pytest.fixture
def storage(server: Server) -> Iterator[Redis]:
    """With nothing counted yet."""
    given = server.storage
    with Redis(port=given.port, password=given.password, db=given.database) as client:
        client.flushall()
        yield client


def test_what_a_slow_storage_is_told_again_counts_once(
    tmp_path: Path, server: Server, storage: Redis
) -> None:
    replica = Replica(tmp_path)
    assert server.process
    with telling(replica, server.storage):
        wait_until(lambda: "" in replica.said)
        server.process.send_signal(signal.SIGSTOP)
        try:
            replica.count(3)
            wait_until(lambda: replica.said[-1] != "")
        finally:
            server.process.send_signal(signal.SIGCONT)
        wait_until(lambda: replica.cell().sent == 3)
        replica.count(4)
        wait_until(lambda: replica.cell().sent == 4)

    assert replica.cell().others == 0
    assert [storage.get(name) for name in storage.keys("gatewright:count:*")] == [b"4"]


def test_one_count_that_cannot_be_kept_spoils_no_other(
    tmp_path: Path, server: Server, storage: Redis
) -> None:
    replica = Replica(tmp_path)
    replica.count(1, bucket=5)
    name = "gatewright:count:" + Counts(tmp_path).changed(1)[0].name
    storage.lpush(name, "no number")
    with telling(replica, server.storage):
        replica.count(1, bucket=5)
        replica.count(2, bucket=6)
        wait_until(lambda: replica.said.count("1 counts cannot be kept there") >= 2)
        assert (replica.cell(6).sent, replica.cell(6).others, replica.cell(5).sent) == (2, 0, 0)
        storage.delete(name)
        wait_until(lambda: replica.cell(5).sent == 1)
        wait_until(lambda: replica.said[-1] == "")


def test_a_full_storage_counts_once_it_has_room(tmp_path: Path, server: Server, storage: Redis) -> None:
    replica = Replica(tmp_path)
    with telling(replica, server.storage):
        storage.config_set("maxmemory", "1")
        try:
            replica.count(2)
            wait_until(lambda: "memory" in "".join(replica.said[-1:]))
        finally:
            storage.config_set("maxmemory", "0")
        wait_until(lambda: replica.cell().sent == 2)

    assert replica.cell().others == 0


def test_a_storage_that_has_forgotten_takes_nothing_back(
    tmp_path: Path, server: Server, storage: Redis
) -> None:
    one, other = Replica(tmp_path / "one"), Replica(tmp_path / "other")
    with telling(one, server.storage), telling(other, server.storage):
        one.count(5)
        wait_until(lambda: one.cell().sent == 5)
        other.count(7)
        wait_until(lambda: other.cell().others == 5)
        storage.flushall()
        other.count(8)
        wait_until(lambda: [storage.get(name) for name in storage.keys("gatewright:count:*")] == [b"8"])
        wait_until(lambda: other.cell().sent == 8)
        assert other.cell().others == 5


def test_buckets_that_change_all_the_time_hold_up_no_others(tmp_path: Path) -> None:
    replica, heard = Replica(tmp_path), set()
    counts = Counts(tmp_path)
    for bucket in range(BUCKETS):
        replica.count(1, bucket)
    for _ in range(2 * BUCKETS // 256):
        heard |= {one.bucket for one in counts.changed(256)}
        for bucket in range(256):
            replica.mark(bucket)

    assert heard == set(range(BUCKETS))


class _Liar(socketserver.BaseRequestHandler):
    """Answers everything alike, and quotes what it was asked where it has been told to."""

    def handle(self) -> None:
        while text := self.request.recv(4096):
            asked = text.replace(b"\r\n", b" ")
            self.request.sendall(self.server.answer.replace(b"ASKED", asked))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "answer",
    [b"+OK\r\n", b":x\r\n", b"*1\r\n+a\r\n", b"\xff\xfe\r\n", b"-ERR unknown command, with: ASKED\r\n"],
)
def test_a_server_that_is_no_storage_is_told_of(tmp_path: Path, answer: bytes) -> None:
    replica = Replica(tmp_path)
    replica.count(1)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Liar) as liar:
        liar.daemon_threads, liar.answer = True, answer  # type: ignore[attr-defined]
        threading.Thread(target=liar.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        given = SharedStorage("127.0.0.1", liar.server_address[1], password="a secret, a long one")
        with telling(replica, given):
            wait_until(lambda: len(replica.said) >= 2)
        liar.shutdown()

    assert all(replica.said) and not [one for one in replica.said if "a secret" in one]
    assert replica.cell().sent == 0


@pytest.mark.parametrize(
    ("policy", "config"),
    [
        ("http-caching", {}),
        ("spike-control", {"maximumRequests": 10, "timePeriodInMilliseconds": 1000}),
        ("websocket-connection-limit", {}),
    ],
)
def test_what_is_to_be_shared_without_a_storage_is_told(
    tmp_path: Path, policy: str, config: dict[str, object]
) -> None:
    apis = [_api("together", policy, config | {"distributed": True}), _api("alone", policy, config)]
    sharing = Sharing(tmp_path)

    sharing.want(None, apis)
    told = sharing.trouble
    sharing.want(None, apis[1:])

    assert told.startswith(f"There is no shared storage: {policy} of together would be distributed")
    assert sharing.trouble == ""


def test_answers_that_are_not_shared_for_want_of_a_key_are_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    apis = [_api("together", "http-caching", {"distributed": True})]
    sharing = Sharing(tmp_path)
    try:
        for _ in range(2):
            sharing.want(SharedStorage("127.0.0.1", 1, sealing_key=b"k"), apis)
        assert "share no answers" not in caplog.text
        for _ in range(2):
            sharing.want(SharedStorage("127.0.0.1", 1), apis)
    finally:
        sharing.close()

    assert caplog.text.count("policies='http-caching of together' reason='the shared storage names no") == 1


def _api(name: str, policy: str, config: dict[str, object]) -> ir.Api:
    given = {
        "apiVersion": "gatewright.dev/v1alpha1",
        "kind": "ApiInstance",
        "metadata": {"name": name},
        "spec": {
            "address": f"http://0.0.0.0:8081/{name}",
            "services": {"one": {"address": "http://127.0.0.1:9"}},
            "policies": [{"policyRef": {"name": policy}, "config": config}],
        },
    }
    (found,) = translate([RESOURCE.validate_python(given)]).gateway.apis
    return found
