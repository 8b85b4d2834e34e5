"""Questions and orders to a running Envoy, over its admin Unix socket."""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Never used; httpx would load the system's CAs for each client instead, which takes 20 ms."""


class AdminUnreachable(RuntimeError):
    """Envoy's admin socket does not answer."""


class Admin:
    """`socket` may be longer than the 108 bytes that a socket's address holds."""

    def __init__(self, socket: Path, timeout_seconds: float = 5) -> None:
        self._socket = socket
        self._timeout_seconds = timeout_seconds

    def server_info(self) -> dict[str, Any]:
        """State, version, uptime, node and command line of the Envoy that answers."""
        answer: dict[str, Any] = self._ask("GET", "/server_info").json()
        return answer

    def stats(self, pattern: str) -> dict[str, int | str]:
        """Counters, gauges and texts whose name matches the regular expression."""
        answer = self._ask("GET", "/stats", params={"format": "json", "filter": pattern}).json()
        return {stat["name"]: stat["value"] for stat in answer["stats"] if "name" in stat}

    def listeners(self) -> tuple[str, ...]:
        answer = self._ask("GET", "/listeners", params={"format": "json"}).json()
        return tuple(status["name"] for status in answer.get("listener_statuses", ()))

    def reopen_logs(self) -> None:
        self._ask("POST", "/reopen_logs")

    def drain(self) -> None:
        """Answers say `Connection: close` or GOAWAY from now on; listeners close after the drain time."""
        self._ask("POST", "/healthcheck/fail")
        self._ask("POST", "/drain_listeners", params={"graceful": ""})

    def quit(self) -> None:
        self._ask("POST", "/quitquitquit")

    def _ask(self, method: str, path: str, params: dict[str, str] | None = None) -> httpx.Response:
        try:
            with _short(self._socket) as socket:
                transport = httpx.HTTPTransport(uds=socket, verify=_NO_TLS)
                with httpx.Client(
                    transport=transport, trust_env=False, timeout=self._timeout_seconds
                ) as client:
                    return client.request(method, f"http://envoy{path}", params=params).raise_for_status()
        except (httpx.HTTPError, OSError) as error:
            raise AdminUnreachable(f"Envoy's admin socket {self._socket}: {error}") from None


@contextmanager
def _short(socket: Path) -> Iterator[str]:
    """A name of the socket that fits into a socket's address, through its folder's descriptor."""
    folder = os.open(socket.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{socket.name}"
    finally:
        os.close(folder)
