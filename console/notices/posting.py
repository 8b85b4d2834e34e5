"""Posts to an address that somebody else entered: bounded, guarded, and following no redirect."""

import asyncio
import socket
from collections.abc import Mapping

import httpx
from django.conf import settings

from console import guarded
from console.notices.unsent import Unsent
from console.unreachable import reason

WHOLE_SECONDS = 15
MOST_ADDRESSES = 3
TOO_MANY, GONE = 429, 410


def post(url: str, body: bytes, headers: Mapping[str, str]) -> str:
    """The status that it answered, of those that mean yes. Raises Unsent. Nothing else of the answer is read:
    what an address says is shown to nobody.
    """
    return asyncio.run(_within_time(url, body, headers))


async def _within_time(url: str, body: bytes, headers: Mapping[str, str]) -> str:
    try:
        async with asyncio.timeout(WHOLE_SECONDS):
            return await _post(httpx.URL(url), body, headers)
    except TimeoutError:
        raise Unsent(f"there was no answer within {WHOLE_SECONDS} s", is_away=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
        raise Unsent(reason(error), is_away=True) from None


async def _post(url: httpx.URL, body: bytes, headers: Mapping[str, str]) -> str:
    """To the address that was looked at: the name is not looked up again, which might say another."""
    port = url.port or (443 if url.scheme == "https" else 80)
    addresses = await _addresses(url.host, port)
    sent = {**headers, "Host": url.netloc.decode(), "Accept-Encoding": "identity", "User-Agent": "gatewright"}
    fault: Exception = Unsent(f"{url.host} has no address", is_away=True)
    async with httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=WHOLE_SECONDS) as client:
        for address in addresses[:MOST_ADDRESSES]:
            request = client.build_request(
                "POST",
                url.copy_with(host=address, fragment=None),
                content=body,
                headers=sent,
                extensions={"sni_hostname": url.host},
            )
            try:
                answer = await client.send(request, stream=True)
            except httpx.ConnectError as error:
                fault = error
                continue
            await answer.aclose()
            return _judged(answer)
    raise fault


async def _addresses(host: str, port: int) -> list[str]:
    """Of the host. Raises Unsent where one of them is none that may be asked."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not all(guarded.is_permitted(one, settings.DESTINATION_NETWORKS) for one in addresses):
        raise Unsent(guarded.refusal(host))
    return addresses


def _judged(answer: httpx.Response) -> str:
    said = f"{answer.status_code} {answer.reason_phrase}".strip()
    if answer.is_success:
        return said
    if answer.is_redirect:
        raise Unsent(f"it answers {said} and names another address; write that one")
    is_away = answer.is_server_error or answer.status_code == TOO_MANY
    raise Unsent(f"it answers {said}", is_final=answer.status_code == GONE, is_away=is_away)
