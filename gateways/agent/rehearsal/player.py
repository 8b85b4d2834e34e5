"""Plays every upstream: a small server on a socket in the rehearsal's folder that notes what it is asked."""

import socket
import socketserver
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import re2

from gateways.agent.authorizer.network import PLAYED_HEADER
from gateways.agent.host.sockets import address
from gateways.agent.rehearsal.isolated import CLUSTER_HEADER, UPSTREAMS
from gateways.protocol import regex
from gateways.protocol.rehearsal import MOST_BODY_BYTES, Headers, Played

MOST_NOTED = 100
_HEAD_BYTES = 256 * 1024
_READ_BYTES = 64 * 1024
UNASKED, UNKNOWN = Played(), Played(status=503)
"""Answers where none that was given fits: an upstream's, and that of a server that a policy asks."""
_OURS = frozenset(("content-length", "transfer-encoding", "connection"))


@dataclass(frozen=True)
class UpstreamRequest:
    """A request as it came to an upstream. `answer` is what was given for it, None where nothing was."""

    cluster: str
    method: str
    target: str
    headers: Headers
    body: bytes
    answer: Played | None


@dataclass(frozen=True)
class Peer:
    """Whom a cluster leads to: HOST:PORT, and the API's service, "" where a policy asks there."""

    address: str
    service: str = ""


NOBODY = Peer("")


class Player:
    """`parts` are by the names of clusters; `standing` are answers from the beginning on."""

    def __init__(self, folder: Path, parts: Mapping[str, Peer], standing: Sequence[Played] = ()) -> None:
        self._parts = parts
        self._standing = standing
        self._answers: Sequence[Played] = ()
        self._noted: list[UpstreamRequest] = []
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        player = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                player._serve(self.request)

        (folder / UPSTREAMS).unlink(missing_ok=True)
        with address(folder / UPSTREAMS) as place:
            self._server = _Server(place, Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def play(self, answers: Sequence[Played]) -> None:
        """From now on these before the standing ones; what was noted before is forgotten."""
        with self._lock:
            self._answers, self._noted = answers, []

    def noted(self) -> list[UpstreamRequest]:
        with self._lock:
            return list(self._noted)

    def close(self) -> None:
        self._leaving.set()
        self._server.shutdown()
        self._server.server_close()

    def _serve(self, connection: socket.socket) -> None:
        talk = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_BYTES)
        try:
            while self._answered(connection, talk):
                talk.start_next_cycle()
        except (OSError, h11.ProtocolError):
            return

    def _answered(self, connection: socket.socket, talk: h11.Connection) -> bool:
        """Takes one request and answers it; false where the connection is over."""
        asked, body = None, b""
        while not isinstance(event := talk.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                talk.receive_data(connection.recv(_READ_BYTES))
            elif isinstance(event, h11.Request):
                asked = event
            elif isinstance(event, h11.Data):
                body = (body + bytes(event.data))[: MOST_BODY_BYTES + 1]
            else:
                return False
        assert asked is not None
        noted = self._note(asked, body)
        answer = noted.answer or (UNASKED if self._parts.get(noted.cluster, NOBODY).service else UNKNOWN)
        if answer.delay_ms and self._leaving.wait(answer.delay_ms / 1000):
            return False
        if answer.closes:
            return False
        for part in _events(answer, noted.method):
            connection.sendall(talk.send(part) or b"")
        return talk.our_state is h11.DONE and talk.their_state is h11.DONE

    def _note(self, asked: h11.Request, body: bytes) -> UpstreamRequest:
        texts = [(_text(name), _text(value)) for name, value in asked.headers.raw_items()]
        cluster = next((value for name, value in texts if name == CLUSTER_HEADER), "")
        asked_by_policy = next((value for name, value in texts if name == PLAYED_HEADER), "")
        headers = tuple(one for one in texts if one[0] not in (CLUSTER_HEADER, PLAYED_HEADER))
        method, target = _text(asked.method), _text(asked.target)
        with self._lock:
            given = (*self._answers, *self._standing)
            address = self._parts.get(cluster, NOBODY).address or asked_by_policy
            path = target.partition("?")[0]
            answer = next((one for one in given if fits(one, address, method, path)), None)
            noted = UpstreamRequest(cluster or asked_by_policy, method, target, headers, body, answer)
            if len(self._noted) < MOST_NOTED:
                self._noted.append(noted)
        return noted


def fits(answer: Played, address: str, method: str, path: str) -> bool:
    """Whether it is played for such a request; `address` is HOST:PORT."""
    if answer.upstream and answer.upstream != address:
        return False
    if answer.method and answer.method.upper() != method:
        return False
    return not answer.path or bool(re2.fullmatch(answer.path, path, options=regex.OPTIONS))


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections that end early: some requests and some answers are meant to."""


def _events(answer: Played, method: str) -> Sequence[h11.Event]:
    content = answer.content
    has_body = method != "HEAD" and answer.status not in (204, 304)
    headers = [(name, value) for name, value in answer.headers if name.lower() not in _OURS]
    if has_body:
        headers.append(("content-length", str(len(content))))
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    start = h11.Response(status_code=answer.status, headers=encoded)
    return [start, *([h11.Data(data=content)] if has_body and content else []), h11.EndOfMessage()]


def _text(part: bytes) -> str:
    return part.decode(errors="replace")
