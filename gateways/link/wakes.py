"""Hears from Valkey what changed, and brings it to the streams that wait for it."""

import asyncio
import json
import logging
import random
from typing import Any
from uuid import UUID

import redis.asyncio
from django.conf import settings

from gateways.agents import outbox
from gateways.link.streams import KINDS, Stream, Streams
from gateways.protocol.frames import Frame

SILENT_SECONDS = 5.0
RETRY_SECONDS = (0.5, 2.0)
CONNECTIONS = 20
"""To Valkey. When a thousand agents come at once, or a change is for all, the questions wait their turn."""
WAITING_SECONDS = 20
TELLING_SECONDS = 3.0
"""The agent waits meanwhile, and does without after twice as long."""
REVOKED = "the gateway was revoked in the console, or deleted; register it anew"

log = logging.getLogger(__name__)


class Wakes:
    """`listen` runs for as long as the process does."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            settings.REDIS_URL,
            max_connections=CONNECTIONS,
            timeout=WAITING_SECONDS,
            socket_connect_timeout=2,
            socket_timeout=SILENT_SECONDS,
        )
        self._valkey = redis.asyncio.Redis.from_pool(pool)
        self._fetching: dict[tuple[UUID, str], bool] = {}
        """Gateways of which something of a kind is being fetched: whether it has to be once more."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Streams stay open while Valkey is away, and say so; heartbeats bring what they miss."""
        while True:
            try:
                await self._hear()
            except (redis.RedisError, OSError, TimeoutError) as error:
                if self._streams.is_woken:
                    log.warning("valkey=away reason=%r", str(error) or type(error).__name__)
                self._streams.is_woken = False
            await asyncio.sleep(random.uniform(*RETRY_SECONDS))  # noqa: S311 - spreads load, guards nothing

    async def tell_opened(self, stream: Stream) -> None:
        """An older stream of this replica may be another process's; without Valkey its pings find out."""
        told = outbox.message("opened", stream.gateway_id, replica=str(stream.replica_id), stream=stream.id)
        try:
            async with asyncio.timeout(TELLING_SECONDS):
                await self._valkey.publish(outbox.CHANNEL, told)
        except (redis.RedisError, OSError, TimeoutError) as error:
            log.warning("stream=%s told=false reason=%r", stream.id, str(error))

    async def _hear(self) -> None:
        async with self._valkey.pubsub() as heard:
            await heard.subscribe(outbox.CHANNEL)
            is_asked = False
            while True:
                message = await heard.get_message(timeout=SILENT_SECONDS)
                if message is None and is_asked:
                    raise TimeoutError("Valkey does not answer")
                if message is None:
                    await heard.ping()
                    is_asked = True
                    continue
                is_asked = False
                if message["type"] == "subscribe":
                    log.info("valkey=heard")
                    self._streams.is_woken = True
                elif message["type"] == "message":
                    self._take(message["data"])

    def _take(self, text: bytes) -> None:
        try:
            told = json.loads(text)
            kind, gateway_id = told["kind"], UUID(told["gateway"])
            if kind in KINDS:
                self._fetch(gateway_id, kind)
            elif kind == "revoked":
                self._streams.end(gateway_id, REVOKED)
            elif kind == "opened":
                self._streams.replaced(gateway_id, UUID(told["replica"]), str(told["stream"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("message=unreadable text=%r", text[:200])

    def _fetch(self, gateway_id: UUID, kind: str) -> None:
        """One gateway waits for no other; what comes meanwhile is fetched after it, once."""
        if not self._streams.of(gateway_id):
            return
        is_running = (gateway_id, kind) in self._fetching
        self._fetching[gateway_id, kind] = is_running
        if not is_running:
            task = asyncio.create_task(self._bring(gateway_id, kind))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _bring(self, gateway_id: UUID, kind: str) -> None:
        try:
            while True:
                frame, changes = await self._newest(gateway_id, kind)
                for stream in self._streams.of(gateway_id):
                    stream.offer(kind, frame, changes)
                if not self._fetching[gateway_id, kind]:
                    return
                self._fetching[gateway_id, kind] = False
        finally:
            del self._fetching[gateway_id, kind]

    async def _newest(self, gateway_id: UUID, kind: str) -> tuple[bytes, bytes | None]:
        """Its frame, or one that has the agent fetch it; and that of what changed, where there is one."""
        names = (kind, outbox.CHANGES) if kind == outbox.BOOK else (kind,)
        try:
            found: list[Any] = await self._valkey.mget([outbox.key(gateway_id, name) for name in names])
        except (redis.RedisError, OSError, TimeoutError) as error:
            log.warning("gateway=%s %s=unfetched reason=%r", gateway_id, kind, str(error))
            found = []
        frames = dict(
            self._opened(gateway_id, name, one) for name, one in zip(names, found, strict=False) if one
        )
        return frames.get(kind) or Frame(kind="pull").line, frames.get(outbox.CHANGES)

    def _opened(self, gateway_id: UUID, name: str, sealed: bytes) -> tuple[str, bytes | None]:
        frame = outbox.opened(gateway_id, sealed)
        if frame is None:
            log.error("gateway=%s %s=unreadable reason='sealed with another key'", gateway_id, name)
        return name, frame
