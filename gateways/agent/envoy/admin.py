"""Questions and orders to a running Envoy, over its admin Unix socket."""

import socket
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from gateways.agent.host.sockets import address


class AdminUnreachable(RuntimeError):
    """Envoy's admin socket does not answer."""


class Admin:
    """The path of its socket may be longer than the 108 bytes that a socket's address holds."""

    def __init__(self, path: Path, timeout_seconds: float = 5) -> None:
        self._socket = path
        self._timeout_seconds = timeout_seconds

    def server_info(self) -> dict[str, Any]:
        """State, version, uptime, node and command line of the Envoy that answers."""
        answer: dict[str, Any] = orjson.loads(self._ask("GET", "/server_info"))
        return answer

    def stats(self, pattern: str) -> dict[str, int | str]:
        """Counters, gauges and texts whose name matches the regular expression."""
        answer = orjson.loads(self._ask("GET", "/stats", {"format": "json", "filter": pattern}))
        return {stat["name"]: stat["value"] for stat in answer["stats"] if "name" in stat}

    def listeners(self) -> tuple[str, ...]:
        answer = orjson.loads(self._ask("GET", "/listeners", {"format": "json"}))
        return tuple(status["name"] for status in answer.get("listener_statuses", ()))

    def clusters(self, pattern: str) -> dict[str, list[dict[str, Any]]]:
        """The hosts of each cluster of such a name, with what is known of their health."""
        asked = {"format": "json", "filter": f"^(?:{pattern})$"}
        answer = orjson.loads(self._ask("GET", "/clusters", asked))
        return {one["name"]: one.get("host_statuses", []) for one in answer.get("cluster_statuses", ())}

    def reopen_logs(self) -> None:
        self._ask("POST", "/reopen_logs")

    def drain(self) -> None:
        """Answers say `Connection: close` or GOAWAY from now on; listeners close after the drain time."""
        self._ask("POST", "/healthcheck/fail")
        self._ask("POST", "/drain_listeners", {"graceful": ""})

    def close_listeners(self) -> None:
        """New connections are another process's at once; open ones go on, and their answers say goodbye."""
        self._ask("POST", "/healthcheck/fail")
        self._ask("POST", "/drain_listeners")

    def quit(self) -> None:
        self._ask("POST", "/quitquitquit")

    def _ask(self, method: str, path: str, params: Mapping[str, str] | None = None) -> bytes:
        connection = _Connection(self._socket, self._timeout_seconds)
        try:
            connection.request(method, f"{path}?{urlencode(params)}" if params else path)
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise HTTPException(f"{path} answered {answer.status}")
        except (HTTPException, OSError) as error:
            raise AdminUnreachable(f"Envoy's admin socket {self._socket}: {error!r}") from None
        finally:
            connection.close()
        return content


class _Connection(HTTPConnection):
    """HTTP over a Unix socket. A push asks several times, and a client of more parts takes 3 ms each time."""

    def __init__(self, path: Path, timeout_seconds: float) -> None:
        super().__init__("envoy", timeout=timeout_seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        with address(self._path) as place:
            self.sock.connect(place)
