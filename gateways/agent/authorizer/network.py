"""The network as policies' `ask.py` have it: bounded in size, verified, the address given and no other."""

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx

from gateways.agent.authorizer.calls import Calls
from gateways.agent.host.cookies import no_cookies
from gateways.agent.host.trusted_cas import client_context, system_ca, trusting
from gateways.protocol.addresses import is_loopback
from policies.answers.answer import HttpAnswer, Unanswered

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "gatewright"}
KEPT_SECONDS = 30
NO_TIMEOUT = httpx.Timeout(None)
"""Who asks bounds the time of all that it takes."""
PLAYED_HEADER = "x-gatewright-rehearsed-address"
"""The header that tells a rehearsal's player whom it plays."""
PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class _Asked:
    """A request. With a `target`, which takes the place of the URL's path and query as they are, it has the
    given headers alone.
    """

    method: str
    url: str
    headers: Mapping[str, str] | Sequence[tuple[bytes, bytes]] = ()
    form: Mapping[str, str] | None = None
    target: bytes = b""

    def made(self, client: httpx.AsyncClient) -> httpx.Request:
        """Raises Unanswered."""
        headers = httpx.Headers(self.headers)
        try:
            if self.target:
                more = {"target": self.target}
                return httpx.Request(self.method, self.url, headers=headers, extensions=more)
            told = httpx.Headers(HEADERS)
            told.update(headers)
            return client.build_request(self.method, self.url, data=self.form, headers=told)
        except (httpx.InvalidURL, ValueError):
            raise Unanswered("server: its address cannot be asked") from None


class Outside:
    """Time and number are bounded by who asks. For one event loop.

    Each connection has a client of its own: httpx looks through all of a client's connections, each time,
    and 32 of them took 20 ms of it.
    """

    is_played = False
    trusted_ca = system_ca()

    def __init__(self) -> None:
        self._context = client_context()
        self._free: dict[tuple[str, str], list[httpx.AsyncClient]] = {}
        self.call = Calls().call

    async def get(self, url: str, most_bytes: int) -> HttpAnswer:
        return await self._heard(_Asked("GET", url), most_bytes)

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        headers: Mapping[str, str],
        most_bytes: int,
        *,
        trusted_ca: str = "",
    ) -> HttpAnswer:
        return await self._heard(_Asked("POST", url, headers, form), most_bytes, trusted_ca)

    async def send(
        self, method: str, url: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], most_bytes: int
    ) -> HttpAnswer:
        return await self._heard(_Asked(method, url, headers, target=target), most_bytes)

    async def _heard(self, asked: _Asked, most: int, trusted_ca: str = "") -> HttpAnswer:
        at = urlsplit(asked.url)
        free = self._free.setdefault((f"{at.scheme}://{at.netloc}", trusted_ca), [])
        client = free.pop() if free else self._made(asked.url, trusted_ca)
        try:
            return await _heard(client, asked, most)
        finally:
            free.append(client)

    def _made(self, url: str, trusted_ca: str) -> httpx.AsyncClient:
        context = trusting(trusted_ca) if trusted_ca else self._context
        return _client(context, uses_proxies=not is_loopback(url))


class Played:
    """Every server is the player of a rehearsal, at its socket. TLS is not spoken."""

    is_played = True
    trusted_ca = ""

    def __init__(self, socket: str) -> None:
        transport = httpx.AsyncHTTPTransport(uds=socket)
        self._client = httpx.AsyncClient(
            transport=transport, trust_env=False, timeout=NO_TIMEOUT, cookies=no_cookies()
        )

    async def get(self, url: str, most_bytes: int) -> HttpAnswer:
        return await self._heard(_Asked("GET", url), most_bytes)

    async def post(
        self,
        url: str,
        form: Mapping[str, str],
        headers: Mapping[str, str],
        most_bytes: int,
        *,
        trusted_ca: str = "",
    ) -> HttpAnswer:
        return await self._heard(_Asked("POST", url, headers, form), most_bytes)

    async def send(
        self, method: str, url: str, target: bytes, headers: Sequence[tuple[bytes, bytes]], most_bytes: int
    ) -> HttpAnswer:
        return await self._heard(_Asked(method, url, headers, target=target), most_bytes)

    async def call(self, url: str, method: str, message: bytes, most_bytes: int) -> bytes:
        """The player is told of it, and speaks no gRPC."""
        headers = [(b"content-type", b"application/grpc")]
        await self.send("POST", url, method.encode(), headers, most_bytes)
        raise Unanswered("server: it speaks gRPC, which nobody answers in a rehearsal")

    async def _heard(self, asked: _Asked, most: int) -> HttpAnswer:
        at = urlsplit(asked.url)
        host = at.hostname or ""
        address = f"{f'[{host}]' if ':' in host else host}:{at.port or PORTS.get(at.scheme, 0)}"
        plain = at._replace(scheme="http", netloc="played").geturl()
        told = [*httpx.Headers(asked.headers).raw, (PLAYED_HEADER.encode(), address.encode())]
        return await _heard(self._client, replace(asked, url=plain, headers=told), most)


def _client(context: ssl.SSLContext, *, uses_proxies: bool) -> httpx.AsyncClient:
    """Proxies that the environment names are for addresses beyond this machine."""
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEPT_SECONDS)
    return httpx.AsyncClient(
        verify=context,
        trust_env=uses_proxies,
        limits=limits,
        follow_redirects=False,
        timeout=NO_TIMEOUT,
        cookies=no_cookies(),
    )


async def _heard(client: httpx.AsyncClient, asked: _Asked, most: int) -> HttpAnswer:
    request = asked.made(client)
    try:
        response = await client.send(request, stream=True)
        try:
            content = await _content(response, most)
        finally:
            await response.aclose()
    except (httpx.HTTPError, OSError) as error:
        raise Unanswered(f"server: {_reason(error)}") from None
    told = {name.lower(): value for name, value in response.headers.items()}
    fields = [(name.lower(), value) for name, value in response.headers.multi_items()]
    return HttpAnswer(response.status_code, told, content, fields)


async def _content(response: httpx.Response, most: int) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unanswered("server: its answer is compressed, which it was not asked for")
    pieces, size = [], 0
    async for piece in response.aiter_raw():
        pieces.append(piece)
        if (size := size + len(piece)) > most:
            raise Unanswered(f"server: its answer is longer than {most} bytes")
    return b"".join(pieces)


def _reason(error: Exception) -> str:
    said = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return "its certificate is not one that this gateway trusts"
    return f"it cannot be asked ({type(error).__name__})"
