"""Answers GET /agent/v1/stream: the connection that an agent keeps open, down which its snapshots come.

One process holds thousands of them in one thread. The database is asked from a few threads beside it.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.core.cache import cache
from django.db import DatabaseError, close_old_connections
from redis import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from console.background import LINK_PULSE_KEY, PULSE_SECONDS
from gateways.agents import authentication
from gateways.agents.authentication import Caller, RequestRefused
from gateways.link.streams import Full, Stream, Streams
from gateways.link.wakes import REVOKED, Wakes
from gateways.models import Gateway
from gateways.protocol.frames import STREAM_PATH
from gateways.protocol.messages import KNOWS_CHANGES, KNOWS_HEADER

THREADS = 4
MOST_WAITING = 500
"""Agents whose signature is being checked. More come back by themselves, at moments of their own."""
CHECK_SECONDS = 10.0
TRANSPORT = "gatewright.transport"
"""In the scope: the connection, for when it has to be given up with what was not taken."""
RESTARTS = "the console's link process is stopping"

T = TypeVar("T")
log = logging.getLogger(__name__)


class Link:
    """The streams of this process, and who lets agents in."""

    def __init__(self) -> None:
        self.streams = Streams()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="database")
        self._waiting = 0

    def app(self) -> Starlette:
        return Starlette(routes=[Route(STREAM_PATH, self._answer)], lifespan=self._lifespan)

    def end(self) -> None:
        """Every stream says goodbye; the agents come back to another process, or this one's successor."""
        for stream in self.streams.all():
            stream.end(RESTARTS)

    async def _answer(self, request: Request) -> Response:
        if self._waiting >= MOST_WAITING:
            return _refusal(RequestRefused(503, "too many agents come at once; try again"))
        self._waiting += 1
        try:
            caller = await self._ask(lambda: _verified(request))
        except RequestRefused as refused:
            log.warning("refused=stream status=%d reason=%r", refused.status, refused.message)
            return _refusal(refused)
        except DatabaseError as error:
            log.warning("refused=stream status=503 reason=%r", str(error))
            return _refusal(RequestRefused(503, "the console's database does not answer"))
        finally:
            self._waiting -= 1
        takes_changes = KNOWS_CHANGES in request.headers.get(KNOWS_HEADER, "").split()
        stream = Stream(caller.gateway.pk, caller.replica_id, takes_changes=takes_changes)
        return _Held(stream, self.streams, self._wakes)

    @asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self._wakes = Wakes(self.streams)
        background = [
            asyncio.create_task(work) for work in (self._wakes.listen(), self._pulsing(), self._checking())
        ]
        yield
        for task in background:
            task.cancel()

    async def _pulsing(self) -> None:
        """Tell the console's pages that this process lives."""
        while True:
            with suppress(RedisError):
                await self._ask(lambda: cache.set(LINK_PULSE_KEY, time.time(), 10 * PULSE_SECONDS))
            await asyncio.sleep(PULSE_SECONDS)

    async def _checking(self) -> None:
        """End the streams of gateways that were revoked or deleted without our hearing of it."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            held = self.streams.gateways
            try:
                valid = await self._ask(partial(_valid, held)) if held else set()
            except DatabaseError:
                continue
            for gateway_id in set(held) - valid:
                self.streams.end(gateway_id, REVOKED)

    async def _ask(self, question: Callable[[], T]) -> T:
        """Runs what waits for the database in one of the threads."""

        def asked() -> T:
            close_old_connections()
            return question()

        return await asyncio.get_running_loop().run_in_executor(self._threads, asked)


class _Held(Response):
    """The answer that goes on until the stream ends, or its agent goes away."""

    def __init__(self, stream: Stream, streams: Streams, wakes: Wakes) -> None:
        self._stream = stream
        self._streams = streams
        self._wakes = wakes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        names = f"gateway={stream.gateway_id} replica={stream.replica_id}"
        try:
            with self._streams.holding(stream):
                await send(_START)
                await self._wakes.tell_opened(stream)
                log.info("stream=open %s streams=%d", names, len(self._streams))
                reason = await self._run(scope, receive, send)
        except Full as full:
            log.warning("refused=stream status=503 %s reason=%r", names, str(full))
            await _refusal(RequestRefused(503, str(full)))(scope, receive, send)
            return
        log.info("stream=closed %s reason=%r", names, reason)

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> str:
        """Sends until the stream ends; returns why it ended."""

        async def write(chunk: bytes) -> None:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})

        sending = asyncio.create_task(self._stream.run(write, lambda: self._streams.is_woken))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((sending, gone), return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                return "the agent went away"
            reason = sending.result()
        except TimeoutError:
            scope[TRANSPORT].abort()
            await gone
            return "the agent takes nothing"
        finally:
            sending.cancel()
            gone.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
        return reason


_START: Message = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"application/x-ndjson"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ],
}


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _verified(request: Request) -> Caller:
    query = f"?{request.url.query}" if request.url.query else ""
    return authentication.verify(request.headers.get("Authorization", ""), "GET", request.url.path + query)


def _valid(gateway_ids: list[UUID]) -> set[UUID]:
    return set(Gateway.objects.filter(pk__in=gateway_ids, is_revoked=False).values_list("pk", flat=True))


def _refusal(refused: RequestRefused) -> Response:
    headers = {"Retry-After": "5"} if refused.status == 503 else None
    return JSONResponse({"message": refused.message}, refused.status, headers)
