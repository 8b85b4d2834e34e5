"""An upstream that reads requests by the letter of RFC 9112 and remembers what it read."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

_REQUEST = re.compile(rb"[A-Z]+ (/[!-~]*) HTTP/1\.1")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9a-z-]+): ([^\x00-\x08\x0a-\x1f\x7f]*)")
MOST_BODY_BYTES = 1_000_000
_ONCE = (b"host", b"content-length", b"transfer-encoding")


class Ambiguous(Exception):
    """Another upstream might read these bytes in another way."""


@dataclass(frozen=True)
class Request:
    target: str
    fields: dict[bytes, bytes]
    body: bytes


class Recorder:
    """`faults` says what was ambiguous. Each answer carries an `x-recorded` field."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server
        self.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        self.requests: list[Request] = []
        self.faults: list[str] = []

    def targets(self) -> list[str]:
        return [request.target for request in self.requests]

    def forget(self) -> None:
        self.requests, self.faults = [], []

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as incoming:
            try:
                while (request := _request(incoming)) is not None:
                    self.requests.append(request)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nx-recorded: 1\r\ncontent-length: 2\r\n\r\nok")
            except Ambiguous as fault:
                self.faults.append(str(fault))
            except OSError:
                return


@contextmanager
def recorder() -> Iterator[Recorder]:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        made = Recorder(server)
        threading.Thread(target=made.serve, daemon=True).start()
        yield made
        server.shutdown(socket.SHUT_RDWR)


def _request(incoming: BinaryIO) -> Request | None:
    """None at the end of the connection, also in the middle of a request: the rest never came."""
    line = _line(incoming)
    if line is None:
        return None
    found = _REQUEST.fullmatch(line)
    if found is None:
        raise Ambiguous(f"request line {line!r}")
    fields = _fields(incoming)
    body = None if fields is None else _body(incoming, fields)
    return None if fields is None or body is None else Request(found[1].decode(), fields, body)


def _line(incoming: BinaryIO) -> bytes | None:
    line = incoming.readline()
    if not line.endswith(b"\n"):
        return None
    content = line[:-2]
    if not line.endswith(b"\r\n") or b"\r" in content or b"\0" in content:
        raise Ambiguous(f"line {line!r}")
    return content


def _fields(incoming: BinaryIO) -> dict[bytes, bytes] | None:
    fields: dict[bytes, bytes] = {}
    while line := _line(incoming):
        found = _FIELD.fullmatch(line)
        if found is None or (found[1] in fields and found[1] in _ONCE):
            raise Ambiguous(f"field {line!r}")
        fields[found[1]] = found[2]
    return fields if line is not None else None


def _body(incoming: BinaryIO, fields: dict[bytes, bytes]) -> bytes | None:
    length, coding = fields.get(b"content-length"), fields.get(b"transfer-encoding")
    if coding is not None:
        if length is not None or coding != b"chunked":
            raise Ambiguous(f"content-length {length!r} beside transfer-encoding {coding!r}")
        return _chunks(incoming)
    if length is None:
        return b""
    if not length.isdigit():
        raise Ambiguous(f"content-length {length!r}")
    body = incoming.read(min(int(length), MOST_BODY_BYTES))
    return body if len(body) == int(length) else None


def _chunks(incoming: BinaryIO) -> bytes | None:
    body = b""
    while (line := _line(incoming)) is not None:
        if re.fullmatch(rb"[0-9a-f]{1,8}", line) is None:
            raise Ambiguous(f"chunk {line!r}")
        body += incoming.read(int(line, 16))
        if int(line, 16) == 0:
            trailers = _fields(incoming)
            if trailers:
                raise Ambiguous(f"trailers {trailers!r}")
            return body if trailers is not None else None
        if _line(incoming) != b"":
            raise Ambiguous("a chunk goes on after its end")
    return None
