"""An upstream that does what the path says, byte by byte, and keeps what it was asked."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PIECE = b"data: tick\n\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
_RESET = b"\1\0\0\0\0\0\0\0"


class Scripted:
    """`/ok` is answered, `/late` after a second. `/flow` sends a piece each 0.1 s for as long as somebody
    reads, 30 s at most; `/begin` begins and says no more.
    `/stale` is answered on a new connection alone, `/lost` on none: it is read, and the connection closed.
    `/never` has no answer. `asked` holds the request lines.
    """

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.ending = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.ending.set()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as incoming, suppress(OSError):
            number = 0
            while line := incoming.readline():
                number += 1
                length = 0
                while (header := incoming.readline()) not in (b"\r\n", b""):
                    name, _, value = header.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                incoming.read(length)
                self.asked.append(line.strip())
                if not self._answer(connection, line.split()[1], number):
                    return

    def _answer(self, connection: socket.socket, path: bytes, number: int) -> bool:
        """Whether the connection is kept."""
        if path.startswith(b"/lost") or (path.startswith(b"/stale") and number > 1):
            if path.endswith(b"reset"):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return False
        if path.startswith(b"/never"):
            self.ending.wait(60)
            return False
        if path.startswith(b"/late"):
            self.ending.wait(1)
        if path.startswith(b"/flow"):
            self._flow(connection)
            return False
        if path.startswith(b"/begin"):
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok")
            self.ending.wait(60)
            return False
        if path.startswith(b"/cut"):
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nok")
            return False
        connection.sendall(OK)
        return True

    def _flow(self, connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            connection.sendall(PIECE)
            if self.ending.wait(0.1):
                return


@contextmanager
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    try:
        yield server
    finally:
        server.close()
