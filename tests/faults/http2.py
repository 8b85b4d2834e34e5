"""HTTP/2 in single frames, for what no client library would send."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS = 1, 4

Fields = list[tuple[bytes, bytes]]


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes


class Connection:
    """One client connection, greeted."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self._incoming = self.socket.makefile("rb")
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0))

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._incoming.close()
        self.socket.close()

    def ask(self, path: str, stream: int = 1) -> None:
        """A whole GET request."""
        self.socket.sendall(frame(HEADERS, END_STREAM | END_HEADERS, stream, block(get(path))))

    def may_take_back(self, path: str, times: int, host: bytes = b"x") -> bool:
        """Asks so often, and takes each request back with the next bytes: whether the other side bears that
        to the end, and answers a ping then.
        """
        asked, cancelled = block(get(path, host)), (8).to_bytes(4, "big")
        sent = b"".join(
            frame(HEADERS, END_STREAM | END_HEADERS, stream, asked) + frame(RESET, 0, stream, cancelled)
            for stream in range(1, 2 * times, 2)
        )
        with suppress(ConnectionError):
            self.socket.sendall(sent + frame(PING, 0, 0, b"all read"))
        return any(one.kind == PING for one in self.frames())

    def frames(self) -> Iterator[Frame]:
        """What the other side sends, until it closes."""
        while len(head := self._read(9)) == 9:
            payload = self._read(int.from_bytes(head[:3], "big"))
            yield Frame(head[3], head[4], int.from_bytes(head[5:], "big"), payload)

    def body(self, stream: int = 1) -> bytes | None:
        """The body of the answer on a stream; None when there is no whole one."""
        body = b""
        for one in self.frames():
            if one.kind == GOAWAY and _refuses(one.payload, stream):
                return None
            if one.stream != stream:
                continue
            if one.kind == RESET:
                return None
            body += one.payload if one.kind == DATA else b""
            if one.kind in (DATA, HEADERS) and one.flags & END_STREAM:
                return body
        return None

    def _read(self, count: int) -> bytes:
        try:
            return self._incoming.read(count)
        except ConnectionResetError:
            return b""


def get(path: str, host: bytes = b"x") -> Fields:
    return [(b":method", b"GET"), (b":scheme", b"http"), (b":path", path.encode()), (b":authority", host)]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def block(fields: Fields) -> bytes:
    """HPACK with every name and value in full."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _refuses(goaway: bytes, stream: int) -> bool:
    last, error = int.from_bytes(goaway[:4], "big"), int.from_bytes(goaway[4:8], "big")
    return error != 0 or last < stream


def _text(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, length = len(text) - 127, bytearray([127])
    while rest > 127:
        length.append(128 | rest & 127)
        rest >>= 7
    return bytes([*length, rest]) + text
