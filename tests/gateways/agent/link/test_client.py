"""What answers in the console's place takes neither the agent's memory nor its time."""

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest

from gateways.agent.link import client
from gateways.agent.link.client import ANSWER_LIMIT, Console, Unreachable
from gateways.agent.link.registration import Registration
from gateways.protocol import trust
from gateways.protocol.messages import SNAPSHOT_LIMIT, Heartbeat, ReplicaFacts

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
UNENDED = b"HTTP/1.1 200 OK"
"""What comes behind it is one more header, and never a whole one."""


class Endless:
    """Answers each request with `head` and then `piece` after `piece`, until nobody listens."""

    def __init__(self, head: bytes, piece: bytes, pause: float = 0) -> None:
        self.sent = 0
        self._head, self._piece, self._pause = head, piece, pause
        self._is_closed = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._is_closed.set()
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            try:
                connection.recv(65536)
                connection.sendall(self._head + b"\r\n")
                while not self._is_closed.wait(self._pause):
                    connection.sendall(self._piece)
                    self.sent += len(self._piece)
            except OSError:
                connection.close()


@pytest.fixture(params=["plain", "compressed", "bomb", "refusal"])
def endless(request: pytest.FixtureRequest) -> Iterator[Endless]:
    piece, head = b" " * 65536, HEAD
    if request.param in ("compressed", "bomb"):
        size = SNAPSHOT_LIMIT + 1 if request.param == "bomb" else 10
        piece, head = gzip.compress(b" " * size, 1) * 2, HEAD + b"content-encoding: gzip\r\n"
    elif request.param == "refusal":
        head = HEAD.replace(b"200 OK", b"400 Bad Request")
    server = Endless(head, piece)
    yield server
    server.close()


@pytest.fixture
def console(endless: Endless) -> Iterator[Console]:
    with closing(console_at(endless.url)) as console:
        yield console


def console_at(url: str) -> Console:
    keys = trust.key_pair()
    registration = Registration("g", "g", "o", "e", url, keys.public, keys.private)
    return Console(registration, "6f1c1c1e-3b7e-4a57-9f3d-2b8f6f0d8a11")


def test_an_answer_without_end_is_given_up(console: Console, endless: Endless) -> None:
    facts = ReplicaFacts(id="r", name="r", version="1", started_at=datetime.now(UTC))

    for ask, most in (
        (lambda: console.heartbeat(Heartbeat(replica=facts)), ANSWER_LIMIT),
        (lambda: console.traffic(b"{}"), ANSWER_LIMIT),
        (console.snapshot, SNAPSHOT_LIMIT),
        (console.contracts, SNAPSHOT_LIMIT),
    ):
        with pytest.raises(Unreachable, match=f"more than {most} bytes|goes on behind"):
            ask()


def test_a_stream_without_a_line_s_end_is_no_stream(console: Console, endless: Endless) -> None:
    with pytest.raises((Unreachable, httpx.HTTPError)), console.stream() as chunks:
        for chunk in chunks:
            assert len(chunk) <= 2**20
            if endless.sent > 2**22:
                raise Unreachable("it is read piece by piece")


@pytest.mark.parametrize("head", [UNENDED, HEAD + b"content-length: 100000\r\n"])
def test_an_answer_that_drips_is_given_up_as_a_whole(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)

    with closing(Endless(head, b"a", pause=0.02)) as server, closing(console_at(server.url)) as console:
        for _ in range(2):
            with pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"):
                console.snapshot()


def test_a_stream_whose_headers_drip_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.2)

    with closing(Endless(UNENDED, b"a", pause=0.02)) as server, closing(console_at(server.url)) as console:
        for _ in range(2):
            with pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"), console.stream():
                pass
