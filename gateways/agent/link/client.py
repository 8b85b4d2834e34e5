"""The agent's client of the console: every request signed with the gateway's key."""

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from gateways.agent.host import proxies
from gateways.agent.host.trusted_cas import client_context
from gateways.agent.link.registration import Registration
from gateways.protocol import faults
from gateways.protocol.addresses import is_loopback
from gateways.protocol.frames import PING_SECONDS, STREAM_PATH
from gateways.protocol.messages import (
    CONSOLE,
    KNOWS_CHANGES,
    KNOWS_CONTRACTS,
    KNOWS_HEADER,
    KNOWS_SERVICES,
    SNAPSHOT_LIMIT,
    Ack,
    Heartbeat,
    HeartbeatAnswer,
)
from gateways.protocol.trust import Signer

TIMEOUT = httpx.Timeout(30, connect=5)
ANSWER_SECONDS = 120.0
"""In which a whole call must be over, however slowly the pieces of its answer come."""
ANSWER_LIMIT = 1024 * 1024
"""Of what is neither snapshot nor contracts."""
STREAM_TIMEOUT = httpx.Timeout(3 * PING_SECONDS, connect=5)
_OF_TRANSPORT = ("content-encoding", "content-length", "transfer-encoding")
M = TypeVar("M", bound=BaseModel)


class Unreachable(Exception):
    """The console does not answer, or not as a console does: try again later."""


class ConsoleRefused(Exception):
    """The console refused the request; the text is its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"the console refuses: {message}")
        self.status = status


class NoStreams(Exception):
    """The console is of a version that sends nothing down a stream."""


class ConsoleCalls:
    """To one console, by a client that is closed, and made anew, where a call takes longer than it may.

    httpx's timeouts are of one piece of an answer alone. Safe to use from several threads.
    """

    def __init__(self, url: str, proxy: str | None = None) -> None:
        """Raises BadProxy."""
        self._url = url
        self._make = partial(http_client, url, proxy)
        self._http = self._make()

    @contextmanager
    def one(self) -> Iterator[httpx.Client]:
        """Raises Unreachable for a call that is given up, or that shared its client with one."""
        http = self._http
        watch = threading.Timer(ANSWER_SECONDS, self._give_up, [http])
        watch.daemon = True
        watch.start()
        try:
            yield http
        except (httpx.HTTPError, RuntimeError) as error:
            if http is self._http:
                raise
            raise Unreachable(f"{self._url} did not answer within {ANSWER_SECONDS:g} s") from error
        finally:
            watch.cancel()

    def close(self) -> None:
        self._http.close()

    def _give_up(self, http: httpx.Client) -> None:
        if http is self._http:
            self._http = self._make()
            http.close()


class Console:
    """Safe to use from several threads. Each method raises Unreachable or ConsoleRefused."""

    def __init__(self, registration: Registration, replica_id: str) -> None:
        self.url = registration.console_url
        self._replica_id = replica_id
        self._signer = Signer(registration.private_key, registration.gateway_id)
        self._calls, self._streams = ConsoleCalls(self.url), ConsoleCalls(self.url)
        self.knows_contracts = False
        """Whether the console has shown that it sends contracts by themselves."""
        self.knows_services = False
        """The same of counting traffic by the upstream that was asked."""

    def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        response = self._send("POST", "/agent/v1/heartbeats", _json(heartbeat))
        known = response.headers.get(KNOWS_HEADER, "").split()
        self.knows_contracts = KNOWS_CONTRACTS in known
        return _parse(HeartbeatAnswer, response)

    @contextmanager
    def stream(self) -> Iterator[Iterator[bytes]]:
        """What the console sends, piece by piece, for as long as it does. Raises NoStreams, httpx's errors.

        The console may name another address for it, a machine's own where it has that itself.
        """
        response = self._open(self.url)
        try:
            if response.status_code == 307:
                response.close()
                response = self._open(self._elsewhere(response.headers.get("Location", "")))
            if response.status_code != 200:
                raise self._no_stream(whole(response, ANSWER_LIMIT))
            yield response.iter_raw()
        finally:
            response.close()

    def snapshot(self) -> bytes:
        """What this gateway should run, as it was sent."""
        return self._send("GET", "/agent/v1/snapshot", most=SNAPSHOT_LIMIT).content

    def contracts(self, seconds: float | None = None) -> bytes:
        """The contracts of this gateway, as they were sent; within so many seconds, where they are named."""
        return self._send("GET", "/agent/v1/contracts", timeout=seconds, most=SNAPSHOT_LIMIT).content

    def ack(self, ack: Ack) -> None:
        self._send("POST", "/agent/v1/acks", _json(ack))

    def traffic(self, body: bytes) -> dict[str, Any]:
        """Post one batch; the console's answer."""
        response = self._send("POST", "/agent/v1/traffic", body)
        self.knows_services = KNOWS_SERVICES in response.headers.get(KNOWS_HEADER, "").split()
        answer: dict[str, Any] = response.json()
        return answer

    def close(self) -> None:
        self._calls.close()
        self._streams.close()

    def _open(self, origin: str) -> httpx.Response:
        signature = self._signer.headers(CONSOLE, "GET", STREAM_PATH, subject=self._replica_id)
        headers = {"Accept-Encoding": "identity", KNOWS_HEADER: KNOWS_CHANGES, **signature}
        with self._streams.one() as http:
            request = http.build_request("GET", origin + STREAM_PATH, headers=headers, timeout=STREAM_TIMEOUT)
            return http.send(request, stream=True)

    def _elsewhere(self, location: str) -> str:
        origin = location.removesuffix(STREAM_PATH)
        is_safe = urlsplit(origin).scheme in ("https", urlsplit(self.url).scheme)
        if not is_safe or is_loopback(origin) > is_loopback(self.url):
            raise Unreachable(f"{self.url} names {location[:200]!r} for streams, which is not to be trusted")
        return origin

    def _no_stream(self, response: httpx.Response) -> Exception:
        message = refusal(response)
        if message and response.status_code in (401, 403):
            return ConsoleRefused(response.status_code, message)
        if message:
            return Unreachable(message)
        if response.status_code < 500:
            return NoStreams(f"{self.url} has no streams: it is of an older version")
        return Unreachable(f"{self.url}{STREAM_PATH} answered {response.status_code}")

    def _send(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        timeout: float | None = None,
        most: int = ANSWER_LIMIT,
    ) -> httpx.Response:
        signature = self._signer.headers(CONSOLE, method, path, body, subject=self._replica_id)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip", **signature}
        try:
            limit = httpx.USE_CLIENT_DEFAULT if timeout is None else httpx.Timeout(timeout)
            with self._calls.one() as http:
                request = http.build_request(
                    method, self.url + path, content=body, headers=headers, timeout=limit
                )
                response = whole(http.send(request, stream=True), most)
        except httpx.HTTPError as error:
            raise Unreachable(f"{self.url} does not answer: {reason(error)}") from error
        if response.is_success:
            return response
        message = refusal(response)
        if message and response.status_code < 500:
            raise ConsoleRefused(response.status_code, message)
        raise Unreachable(f"{self.url}{path} answered {response.status_code}")


def whole(response: httpx.Response, most: int) -> httpx.Response:
    """The answer with its content: whoever answers in the console's place may send for ever.

    Raises Unreachable for what is too much, httpx's errors.
    """
    # httpx inflates whatever comes, and gives nothing back where that is nothing.
    packed = zlib.decompressobj(31) if response.headers.get("content-encoding") == "gzip" else None
    content, received = bytearray(), 0
    try:
        for piece in response.iter_raw():
            received += len(piece)
            content += packed.decompress(piece, most + 1 - len(content)) if packed else piece
            if packed and packed.unused_data:
                raise Unreachable(f"{response.url} goes on behind the end of its answer")
            if max(received, len(content)) > most:
                raise Unreachable(f"{response.url} answered more than {most} bytes")
    except zlib.error as error:
        raise Unreachable(f"{response.url} answered what cannot be unpacked: {error}") from error
    finally:
        response.close()
    kept = {name: text for name, text in response.headers.items() if name not in _OF_TRANSPORT}
    return httpx.Response(
        response.status_code, headers=kept, content=bytes(content), request=response.request
    )


def http_client(url: str, proxy: str | None = None) -> httpx.Client:
    """A client for this address; proxies from the environment are not asked for this machine's own.

    Raises BadProxy.
    """
    is_far = not is_loopback(url)
    with proxies.checked():
        return httpx.Client(timeout=TIMEOUT, proxy=proxy, trust_env=is_far, verify=client_context())


def reason(error: Exception) -> str:
    """Why a request got no answer, and what to do where that is not plain."""
    said = str(error) or type(error).__name__
    if "WRONG_VERSION_NUMBER" in said:
        return "it speaks no TLS there: write http://, or the port of its HTTPS"
    if "CERTIFICATE_VERIFY_FAILED" not in said or "mismatch" in said:
        return said
    return f"{said}; name the PEM file of the CA that signed its certificate in SSL_CERT_FILE"


def refusal(response: httpx.Response) -> str:
    """The `message` of a console's refusal; empty when it is none of the console's."""
    try:
        body = response.json()
    except ValueError:
        return ""
    return str(body.get("message", "")) if isinstance(body, dict) else ""


def _json(model: BaseModel) -> bytes:
    return model.model_dump_json(by_alias=True, exclude_none=True).encode()


def _parse(model: type[M], response: httpx.Response) -> M:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        raise Unreachable(
            f"{response.url} answered what this version cannot read: {faults.first(error)}"
        ) from error
