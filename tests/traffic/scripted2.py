"""An HTTP/2 upstream that does what it is told with each request, frame by frame."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.faults.http2 import DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RESET, SETTINGS, frame

ACK = 1
NO_ERROR, CANCEL, REFUSED_STREAM = 0, 8, 7
STATUS_200 = b"\x88"
"""`:status: 200` in HPACK's own table."""


class Scripted2:
    """`does` is what becomes of the next requests, one word each, and then `ok`: `refuse` (the stream was
    not taken), `goaway` (it is of those not taken before a good end), `close` (no word), `cancel`, `never`.
    `asked` counts requests.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.does: list[str] = []
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"h2://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as incoming, suppress(OSError):
            incoming.read(len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
            connection.sendall(frame(SETTINGS, 0, 0))
            while len(head := incoming.read(9)) == 9:
                payload = incoming.read(int.from_bytes(head[:3], "big"))
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
                if kind in (SETTINGS, PING) and not flags & ACK:
                    connection.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
                # Bodies are small, and come whole before anything is done.
                if kind in (HEADERS, DATA) and flags & END_STREAM and not self._answer(connection, stream):
                    return

    def _answer(self, connection: socket.socket, stream: int) -> bool:
        """Whether the connection is kept."""
        self.asked += 1
        todo = self.does.pop(0) if self.does else "ok"
        if todo in ("refuse", "cancel"):
            error = REFUSED_STREAM if todo == "refuse" else CANCEL
            connection.sendall(frame(RESET, 0, stream, error.to_bytes(4, "big")))
        elif todo == "goaway":
            connection.sendall(
                frame(
                    GOAWAY,
                    0,
                    0,
                    (stream - 2 if stream > 1 else 0).to_bytes(4, "big") + NO_ERROR.to_bytes(4, "big"),
                )
            )
        elif todo == "ok":
            connection.sendall(frame(HEADERS, END_HEADERS, stream, STATUS_200))
            connection.sendall(frame(DATA, END_STREAM, stream, b"ok"))
        return todo not in ("close", "goaway")


@contextmanager
def scripted2() -> Iterator[Scripted2]:
    server = Scripted2()
    try:
        yield server
    finally:
        server.close()
