"""One document from the network, bounded in time and size; from the address in the policy and no other."""

import asyncio
import ssl

import httpx

from gateways.agent.host.cookies import no_cookies
from gateways.agent.host.trusted_cas import client_context, trusting
from gateways.protocol.addresses import is_loopback
from policies.documents.document import BadDocument, Document

HEADERS = {"Accept": "application/json, */*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "gatewright"}


class Unfetched(Exception):
    """It could not be had; the text says why, and quotes nothing of what came."""


class Fetcher:
    """To be used in one event loop. Connections are not kept: documents are asked for once in a while."""

    def __init__(self) -> None:
        context = client_context()
        self._direct = _client(context, uses_proxies=False)
        self._anywhere = _client(context, uses_proxies=True)

    async def fetch(self, document: Document) -> str:
        """Raises Unfetched. https is verified by the CAs that the gateway trusts; no redirect is followed."""
        try:
            async with asyncio.timeout(document.timeout_seconds):
                content = await self._content(document)
            return document.kind.read(content)
        except BadDocument as error:
            raise Unfetched(str(error)) from None
        except TimeoutError:
            raise Unfetched(f"there was no answer within {document.timeout_seconds:g} s") from None
        except httpx.HTTPError as error:
            raise Unfetched(_reason(error)) from None

    async def _content(self, document: Document) -> bytes:
        is_near = is_loopback(document.url)
        if document.trusted_ca:
            async with _client(trusting(document.trusted_ca), uses_proxies=not is_near) as client:
                return await _content(client, document)
        return await _content(self._direct if is_near else self._anywhere, document)


async def _content(client: httpx.AsyncClient, document: Document) -> bytes:
    seconds = document.timeout_seconds
    async with client.stream("GET", document.url, headers=HEADERS, timeout=seconds) as response:
        if response.is_redirect:
            raise Unfetched(f"it answers {response.status_code} and names another address; write that one")
        if response.status_code != 200:
            raise Unfetched(f"it answers {response.status_code}")
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Unfetched("what it answers is compressed, which it was not asked for")
        pieces, size = [], 0
        async for piece in response.aiter_raw():
            pieces.append(piece)
            if (size := size + len(piece)) > document.most_bytes:
                raise Unfetched(f"what it answers is longer than {document.most_bytes} bytes")
        return b"".join(pieces)


def _client(context: ssl.SSLContext, *, uses_proxies: bool) -> httpx.AsyncClient:
    """Proxies that the environment names are for addresses beyond this machine."""
    limits = httpx.Limits(max_keepalive_connections=0)
    return httpx.AsyncClient(
        verify=context,
        trust_env=uses_proxies,
        limits=limits,
        follow_redirects=False,
        cookies=no_cookies(),
    )


def _reason(error: httpx.HTTPError) -> str:
    said = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return f"{said}; is its CA among those that this machine trusts? SSL_CERT_FILE names others"
    return said
