"""An upstream whose answers wait until the test wants them, and that speaks WebSocket."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer

from tests.traffic.upstream import Quiet, serving

_LONGEST_SECONDS = 60


class HoldingServer(ThreadingHTTPServer):
    """`/hold` is answered once `release` is set; `held` counts who waits."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Holding)
        self.release = threading.Event()
        self.held = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Holding(Quiet):
    protocol_version = "HTTP/1.1"
    server: HoldingServer

    def do_GET(self) -> None:
        if self.headers.get("upgrade") == "websocket":
            self._echo_frames()
            return
        if self.path.startswith("/hold"):
            self.server.held += 1
            self.server.release.wait(_LONGEST_SECONDS)
        self._answer(b"ok")

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self._answer(b"%d" % len(self.rfile.read(length)))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        with suppress(BrokenPipeError):  # who asked may have gone meanwhile
            self.end_headers()
            self.wfile.write(body)

    def _echo_frames(self) -> None:
        self.close_connection = True
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
        )
        while received := self.connection.recv(1024):
            self.connection.sendall(received)


@contextmanager
def holding() -> Iterator[HoldingServer]:
    with serving(HoldingServer()) as server:
        try:
            yield server
        finally:
            server.release.set()
