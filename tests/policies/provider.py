"""An authorization server on loopback: introspection with the gateway's own credentials, discovery, and what
goes wrong with such servers."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.traffic.upstream import Quiet, serving

AUTHORIZATION = "Basic Z2F0ZXdheTpzM2NyZXQ="  # gateway:s3cret


class Provider(ThreadingHTTPServer):
    """`tokens` are what it says of each; a token that it does not know is not active.

    `asked` are the tokens that it was asked about, `seconds` how long it takes, `answer` what it says
    whatever it is asked: (status, body).
    """

    daemon_threads = True
    request_queue_size = 2048

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens: dict[str, Any] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.forms: list[dict[str, str]] = []
        self.seconds = 0.0
        self.answer: tuple[int, bytes] | None = None
        self.documents: dict[str, Any] = {}
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def forget(self) -> None:
        self.tokens, self.asked, self.headers, self.forms = {}, [], [], []
        self.seconds, self.answer = 0.0, None


class _Handler(Quiet):
    protocol_version = "HTTP/1.1"
    server: Provider

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        form = {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
        token = form.get("token", "")
        with self.server.lock:
            self.server.asked.append(token)
            self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
            self.server.forms.append(form)
        time.sleep(self.server.seconds)
        by_form = form.get("client_id") == "gateway" and form.get("client_secret") == "s3cret"
        if self.server.answer:
            return self._say(*self.server.answer)
        if self.headers.get("authorization") != AUTHORIZATION and not by_form:
            return self._say(401, b'{"error": "invalid_client"}')
        return self._say(200, json.dumps(self.server.tokens.get(token, {"active": False})).encode())

    def do_GET(self) -> None:
        found = self.server.documents.get(self.path)
        self._say(200 if found is not None else 404, json.dumps(found).encode())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("set-cookie", "session=of-somebody; Path=/")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def provider() -> Iterator[Provider]:
    with serving(Provider()) as server:
        yield server
