"""An upstream that answers with what it was asked."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import TypeVar

Server = TypeVar("Server", bound=HTTPServer)


class Quiet(BaseHTTPRequestHandler):
    """Requests are no news."""

    def log_message(self, *_: object) -> None:
        pass


class Echo(Quiet):
    """JSON of method, path, headers (names in lower case) and body; `?status=503` answers with that.

    So do the server's own `status`, and after `seconds`.
    """

    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        body = self.read_body()
        answer = {
            "name": self.server.name,
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": body.decode(errors="replace"),
        }
        content = json.dumps(answer).encode()
        status = self.path.partition("status=")[2][:3]
        time.sleep(self.server.seconds)
        self.send_response(int(status) if status.isdigit() else self.server.status)
        self.send_header("content-type", "application/json")
        self.send_header("x-upstream", self.server.name)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def read_body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(parts)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = handle_any


class EchoServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Echo)
        self.name = name
        self.status, self.seconds = 200, 0.0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(server: Server) -> Iterator[Server]:
    """The server, in a thread, until the block ends. Its answers' bodies do not wait, 40 ms each, until the
    headers before them have been acknowledged.
    """
    server.RequestHandlerClass.disable_nagle_algorithm = True  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def echo(name: str = "echo") -> Iterator[EchoServer]:
    with serving(EchoServer(name)) as server:
        yield server
