"""The process that holds agents' streams: whom it lets in, what it sends down, when it ends one."""

import queue
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from django.db import connections

from apis.changes import contracts
from apis.deployment import book_changes, push, snapshot
from console.models import User
from gateways import change
from gateways.agent.ledger import Ledger
from gateways.agent.link.grants import Grants
from gateways.agents import outbox
from gateways.link.streams import MOST_OF_GATEWAY, Full, Stream, Streams
from gateways.models import Book, Gateway
from gateways.protocol.frames import STREAM_PATH, Frame, frames
from gateways.protocol.messages import KNOWS_CHANGES, KNOWS_HEADER
from tests.factories import make_api, make_contract, make_gateway, make_user
from tests.gateways import link_process
from tests.gateways.link_process import LinkProcess
from tests.gateways.replica import SigningReplica
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


class Listener:
    """An agent that reads its stream; `next` is the next frame that is no ping."""

    def __init__(self, link: LinkProcess, replica: SigningReplica, knows: str = "") -> None:
        self.status = 0
        self.message = ""
        self.pings: list[Frame] = []
        self._frames: queue.Queue[tuple[Frame, bytes] | None] = queue.Queue()
        self._authorization = replica.sign(b"", STREAM_PATH, "GET")
        self._url = link.url + STREAM_PATH
        self._knows = {KNOWS_HEADER: knows} if knows else {}
        threading.Thread(target=self._read, daemon=True).start()
        self.first = self.next()

    def next(self, seconds: float = 20) -> tuple[Frame, bytes] | None:
        """None when the stream has ended."""
        return self._frames.get(timeout=seconds)

    def _read(self) -> None:
        headers = {"Authorization": self._authorization, **self._knows}
        try:
            with (
                httpx.Client(trust_env=False, timeout=30) as http,
                http.stream("GET", self._url, headers=headers) as answer,
            ):
                self.status = answer.status_code
                if answer.status_code != 200:
                    self.message = answer.read().decode()
                    return
                for frame, body in frames(answer.iter_raw()):
                    if frame.kind == "ping":
                        self.pings.append(frame)
                    else:
                        self._frames.put((frame, body))
        except httpx.HTTPError as error:
            self.message = str(error)
        finally:
            self._frames.put(None)


def kind_of(found: tuple[Frame, bytes] | None) -> str:
    return found[0].kind if found else "end"


def bumped(gateway: Gateway) -> Gateway:
    gateway.generation += 1
    gateway.save()
    return gateway


def test_a_snapshot_that_is_sent_comes_down_its_gateways_streams_alone(link: LinkProcess) -> None:
    replica, other = SigningReplica(), SigningReplica()
    listener, neighbour = Listener(link, replica), Listener(link, other)
    built = snapshot.build(replica.gateway)

    outbox.send(replica.gateway, built)
    outbox.send(other.gateway, snapshot.build(other.gateway))

    found, theirs = listener.next(), neighbour.next()
    assert kind_of(listener.first) == "hello"
    assert found is not None
    assert (found[0].kind, found[1]) == ("snapshot", built.body)
    assert theirs is not None
    assert str(other.gateway.pk).encode() in theirs[1]


def test_what_changed_of_contracts_comes_alone_to_who_knows_of_it_and_the_others_fetch(
    link: LinkProcess, actor: User, tmp_path: Path
) -> None:
    replica = SigningReplica()
    newer = Listener(link, replica, f"other {KNOWS_CHANGES}")
    older = Listener(link, SigningReplica(replica.keys, replica.gateway))
    first, second, _ = (make_contract(make_api(replica.gateway)) for _ in range(3))
    grants = Grants(Ledger(tmp_path), tmp_path, str(replica.gateway.pk))

    contracts.revoke(actor, second)
    whole, others = newer.next(), older.next()
    assert whole is not None
    assert (kind_of(whole), kind_of(others)) == ("contracts", "contracts")
    assert grants.take(whole[1])
    for change_of in (contracts.revoke, contracts.restore):
        change_of(actor, first)
        found = newer.next()
        assert found is not None
        assert (kind_of(found), kind_of(older.next())) == ("changes", "pull")
        assert grants.change(found[1])

    row = Book.objects.get(pk=replica.gateway.pk)
    assert row.built_generation == row.generation == grants.state.generation
    assert row.digest == grants.state.digest
    assert len(found[1]) < len(whole[1])


def test_without_what_changes_begin_with_or_where_very_much_differs_all_contracts_come(
    link: LinkProcess, actor: User
) -> None:
    replica = SigningReplica()
    listener = Listener(link, replica, KNOWS_CHANGES)
    contract = make_contract(make_api(replica.gateway))
    make_contract(contract.api)
    kinds = []

    def toggle() -> None:
        (contracts.restore if contract.status == "REVOKED" else contracts.revoke)(actor, contract)
        kinds.append(kind_of(listener.next()))

    toggle()
    toggle()
    other = {-number: 1 for number in range(book_changes.MOST)}
    book_changes.keep(replica.gateway, book_changes.Marks(1, other))
    toggle()
    toggle()
    book_changes.keep(replica.gateway, book_changes.Marks(1000, {}))
    toggle()

    assert kinds == ["contracts", "changes", "contracts", "changes", "contracts"]


def test_one_that_is_larger_than_may_lie_in_valkey_is_to_be_fetched(
    link: LinkProcess, settings: object
) -> None:
    settings.STREAM_MAX_BYTES = 10  # type: ignore[attr-defined]
    replica = SigningReplica()
    listener = Listener(link, replica)

    outbox.send(replica.gateway, snapshot.build(replica.gateway))

    assert kind_of(listener.next()) == "pull"


def test_a_stream_is_for_who_signs_for_it_once(link: LinkProcess) -> None:
    replica, revoked = SigningReplica(), SigningReplica()
    Gateway.objects.filter(pk=revoked.gateway.pk).update(is_revoked=True)
    url, once = link.url + STREAM_PATH, replica.sign(b"", STREAM_PATH, "GET")
    signatures = {
        "unsigned": "",
        "for another path": replica.sign(b"", "/agent/v1/snapshot", "GET"),
        "revoked": revoked.sign(b"", STREAM_PATH, "GET"),
    }

    with httpx.Client(trust_env=False) as http:
        answers = {
            name: http.get(url, headers={"Authorization": signature})
            for name, signature in signatures.items()
        }
        with http.stream("GET", url, headers={"Authorization": once}) as first:
            again = http.get(url, headers={"Authorization": once})

    assert {name: answer.status_code for name, answer in answers.items()} == {
        "unsigned": 401,
        "for another path": 401,
        "revoked": 403,
    }
    assert (first.status_code, again.status_code) == (200, 401)
    assert "answered before" in again.json()["message"]


def test_revoking_ends_the_stream(link: LinkProcess, actor: User) -> None:
    replica = SigningReplica()
    listener = Listener(link, replica)

    change.revoke(actor, replica.gateway)

    found = listener.next()
    assert found is not None
    assert (found[0].kind, "revoked" in found[0].reason) == ("bye", True)
    assert listener.next() is None
    assert Listener(link, replica).status == 403


@pytest.fixture
def actor() -> User:
    return make_user(is_superuser=True)


@pytest.mark.long
def test_a_revocation_that_was_not_heard_of_ends_the_stream_too(link: LinkProcess) -> None:
    replica = SigningReplica()
    listener = Listener(link, replica)

    Gateway.objects.filter(pk=replica.gateway.pk).update(is_revoked=True)

    assert kind_of(listener.next(40)) == "bye"


def test_a_replicas_newer_stream_replaces_the_older_also_in_another_process(
    link: LinkProcess, tmp_path: Path
) -> None:
    replica = SigningReplica()
    with link_process.running(tmp_path) as other:
        first = Listener(link, replica)
        second = Listener(other, replica)
        ended_first = first.next()
        third = Listener(other, replica)
        ended_second = second.next()

        outbox.send(replica.gateway, snapshot.build(replica.gateway))

        assert [kind_of(found) for found in (ended_first, ended_second)] == ["bye", "bye"]
        assert kind_of(third.next()) == "snapshot"


def test_a_process_that_stops_says_goodbye(tmp_path: Path, transactional_db: None) -> None:
    with link_process.running(tmp_path) as link:
        listener = Listener(link, SigningReplica())
        link.stop()

        found = listener.next()

    assert found is not None
    assert (found[0].kind, found[0].reason) == ("bye", "the console's link process is stopping")


def test_without_valkey_streams_stand_and_say_that_nothing_comes_down_them(
    tmp_path: Path, link: LinkProcess
) -> None:
    with link_process.running(tmp_path, REDIS_URL="redis://127.0.0.1:1/0") as deaf:
        told, hearing = Listener(deaf, SigningReplica()), Listener(link, SigningReplica())
        wait_until(lambda: bool(told.pings and hearing.pings), 30)

    assert not told.pings[0].is_woken
    assert hearing.pings[0].is_woken


@pytest.mark.long
def test_who_begins_no_request_is_let_go(link: LinkProcess) -> None:
    with socket.create_connection(("127.0.0.1", link.port)) as idle:
        idle.settimeout(40)
        idle.sendall(b"GET /agent/v1/stream HTTP/1.1\r\nX-Slow: ")

        assert idle.recv(1) == b""


def test_many_wait_without_a_thread_each(link: LinkProcess) -> None:
    gateway, first = make_gateway(), SigningReplica()
    gateway.public_key = first.keys.public
    gateway.save()
    waiting = [Waiting(link, SigningReplica(first.keys, gateway)) for _ in range(200)]
    for one in waiting:
        one.read_until(b'"hello"')

    outbox.send(gateway, snapshot.build(gateway))
    for one in waiting:
        one.read_until(b'"resources":[]')

    status = Path(f"/proc/{link.pid}/status").read_text()
    [threads] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("Threads:")]
    assert threads < 20
    for one in waiting:
        one.close()


class Waiting:
    """A stream on a bare socket: it reads when it is told to, and not before."""

    def __init__(self, link: LinkProcess, replica: SigningReplica, receive_bytes: int = 0) -> None:
        self._socket = socket.socket()
        if receive_bytes:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._socket.connect(("127.0.0.1", link.port))
        self._socket.settimeout(60)
        signature = replica.sign(b"", STREAM_PATH, "GET")
        head = f"GET {STREAM_PATH} HTTP/1.1\r\nHost: link\r\nAuthorization: {signature}\r\n\r\n"
        self._socket.sendall(head.encode())
        self._read = b""

    def read_until(self, text: bytes) -> None:
        while text not in self._read:
            part = self._socket.recv(65536)
            assert part, f"the stream ended after {self._read!r}"
            self._read += part

    def close(self) -> None:
        self._socket.close()


@pytest.mark.long
def test_agents_that_never_read_hold_up_nobody_and_are_dropped(link: LinkProcess) -> None:
    """Twenty gateways see their changes while three replicas of an enemy take none of theirs."""
    enemy = SigningReplica()
    enemies = [Waiting(link, SigningReplica(enemy.keys, enemy.gateway), 4096) for _ in range(3)]
    for one in enemies:
        one.read_until(b'"hello"')
    replicas = [SigningReplica() for _ in range(20)]
    listeners = [Listener(link, replica) for replica in replicas]
    large = snapshot.build(enemy.gateway)
    large = type(large)(large.generation, large.digest, large.count, large.body + b" " * 4_000_000)

    def change_all(gateway: Gateway) -> None:
        for _ in range(3):
            outbox.send(enemy.gateway, large)
        push.push(bumped(gateway).pk)
        connections.close_all()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(change_all, [replica.gateway for replica in replicas]))

    assert {kind_of(listener.next()) for listener in listeners} == {"snapshot"}
    wait_until(lambda: link.log.count("takes nothing") >= len(enemies), 60)
    for one in enemies:
        one.close()


def test_the_console_connects_to_nobody_whom_a_heartbeat_names(link: LinkProcess) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(3)
        replica = SigningReplica()
        replica.heartbeat(control_url=f"http://127.0.0.1:{trap.getsockname()[1]}", stream=True)
        listener = Listener(link, replica)

        push.push(bumped(replica.gateway).pk)

        assert kind_of(listener.next()) == "snapshot"
        with pytest.raises(TimeoutError):
            trap.accept()


def test_more_streams_of_a_gateway_than_it_may_have_are_refused() -> None:
    """Bounded in the process, whatever ids its replicas make up."""
    streams, gateway_id = Streams(), uuid.uuid4()
    with ExitStack() as held:
        for _ in range(MOST_OF_GATEWAY):
            held.enter_context(streams.holding(Stream(gateway_id, uuid.uuid4())))
        with pytest.raises(Full):
            held.enter_context(streams.holding(Stream(gateway_id, uuid.uuid4())))
        held.enter_context(streams.holding(Stream(uuid.uuid4(), uuid.uuid4())))
    assert len(streams) == 0
