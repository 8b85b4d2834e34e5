"""An upstream that answers as a test tells it, and counts how often it was asked."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.traffic.upstream import serving


@dataclass(frozen=True)
class Given:
    """What is answered. `raw` is written as it is, and the connection closed behind it."""

    body: bytes = b"answer"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes = b""


@dataclass
class Asked:
    """A request as the upstream sees it; names in small letters, `count` how many came for its target."""

    method: str
    target: str
    headers: dict[str, str]
    count: int


class Origin(ThreadingHTTPServer):
    """`answer` makes what is answered; the target's own number of requests is in `asked`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[Asked], Given] = lambda asked: Given()
        self.asked: Counter[str] = Counter()
        self.seen: list[Asked] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Origin

    def handle_any(self) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with self.server.lock:
            self.server.asked[self.path] += 1
            asked = Asked(self.command, self.path, headers, self.server.asked[self.path])
            self.server.seen.append(asked)
        given = self.server.answer(asked)
        if given.raw:
            self.wfile.write(given.raw)
            self.close_connection = True
            return
        self.send_response(given.status)
        names = {name.lower() for name, _ in given.headers}
        for name, value in given.headers:
            self.send_header(name, value)
        if given.status not in (204, 304) and not names & {"content-length", "transfer-encoding"}:
            self.send_header("content-length", str(len(given.body)))
        self.end_headers()
        if self.command != "HEAD" and given.status not in (204, 304):
            self.wfile.write(given.body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def origin() -> Iterator[Origin]:
    with serving(Origin()) as server:
        yield server
