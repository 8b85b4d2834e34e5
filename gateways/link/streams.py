"""The streams of one link process: which agents wait, and what each has still to be sent."""

import asyncio
import logging
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from gateways.protocol.frames import PING_SECONDS, Frame

CHUNK_BYTES = 64 * 1024
CHUNK_SECONDS = 20.0
"""An agent that takes nothing for so long is dropped. One reads all the time, also while it applies."""
SNAPSHOT_SECONDS = 120.0
MOST_OF_GATEWAY = 500
MOST = 20_000

KINDS = ("contracts", "snapshot")
"""What is sent of a gateway, in the order in which it goes."""

Write = Callable[[bytes], Awaitable[None]]
log = logging.getLogger(__name__)


class Full(Exception):
    """There is no room for another stream; the text says of which kind."""


class Stream:
    """The stream of one agent. What is newer replaces what was not sent yet of its kind."""

    def __init__(self, gateway_id: UUID, replica_id: UUID, *, takes_changes: bool = False) -> None:
        self.id = uuid.uuid4().hex
        self.gateway_id = gateway_id
        self.replica_id = replica_id
        self._takes_changes = takes_changes
        self._news = asyncio.Event()
        self._frames: dict[str, bytes] = {}
        self._end = ""

    def offer(self, kind: str, frame: bytes, changes: bytes | None = None) -> None:
        """What changed, where it is there and the agent takes it, else all of it."""
        self._frames[kind] = changes if changes and self._takes_changes else frame
        self._news.set()

    def end(self, reason: str) -> None:
        self._end = self._end or reason
        self._news.set()

    async def run(self, write: Write, is_woken: Callable[[], bool]) -> str:
        """Send until the stream ends; why it did. Raises TimeoutError when the agent does not read."""
        await _in_time(write, Frame(kind="hello", ping_seconds=PING_SECONDS).line)
        while not self._end:
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                await _in_time(write, Frame(kind="ping", is_woken=is_woken()).line)
                continue
            self._news.clear()
            # Contracts first: an API that comes with the snapshot finds them.
            frame = b"".join(self._frames.pop(kind, b"") for kind in KINDS)
            async with asyncio.timeout(SNAPSHOT_SECONDS):
                for start in range(0, len(frame), CHUNK_BYTES):
                    await _in_time(write, frame[start : start + CHUNK_BYTES])
        await _in_time(write, Frame(kind="bye", reason=self._end).line)
        return self._end


class Streams:
    """All of this process; used from its event loop alone."""

    def __init__(self) -> None:
        self.is_woken = False
        """Whether Valkey is there to tell of changes."""
        self._of: dict[UUID, dict[UUID, Stream]] = defaultdict(dict)

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    @property
    def gateways(self) -> list[UUID]:
        return list(self._of)

    def of(self, gateway_id: UUID) -> list[Stream]:
        return list(self._of.get(gateway_id, {}).values())

    def all(self) -> Iterator[Stream]:
        for gateway_id in self.gateways:
            yield from self.of(gateway_id)

    def end(self, gateway_id: UUID, reason: str) -> None:
        for stream in self.of(gateway_id):
            stream.end(reason)

    def replaced(self, gateway_id: UUID, replica_id: UUID, by: str) -> None:
        """A replica has one stream, its newest; another link process may hold that."""
        before = self._of.get(gateway_id, {}).get(replica_id)
        if before and before.id != by:
            before.end("the replica opened another stream")

    @contextmanager
    def holding(self, stream: Stream) -> Iterator[None]:
        """Counts the stream among these until the block ends. Raises Full."""
        own = self._of.get(stream.gateway_id, {})
        if stream.replica_id not in own:
            if len(own) >= MOST_OF_GATEWAY:
                raise Full(f"the gateway has {len(own)} streams; so many are held for one")
            if len(self) >= MOST:
                raise Full("this process holds as many streams as it may; start another one")
        self.replaced(stream.gateway_id, stream.replica_id, stream.id)
        self._of[stream.gateway_id][stream.replica_id] = stream
        try:
            yield
        finally:
            own = self._of[stream.gateway_id]
            if own.get(stream.replica_id) is stream:
                del own[stream.replica_id]
            if not own:
                del self._of[stream.gateway_id]


async def _in_time(write: Write, chunk: bytes) -> None:
    async with asyncio.timeout(CHUNK_SECONDS):
        await write(chunk)
