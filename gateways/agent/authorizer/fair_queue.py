"""Those who wait to be asked about at one server: so many at once, callers in turn."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class QueueFull(Exception):
    """More wait than may."""


class FairQueue:
    """For one event loop. A caller with a thousand credentials keeps nobody with one of them waiting.

    Of those who wait, each caller's first is next in turn, and no caller has more than half of the places.
    """

    def __init__(self, at_once: int, most: int) -> None:
        self._free = at_once
        self._most = most
        self._waiting = 0
        self._callers: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Raises QueueFull."""
        await self._enter(caller)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, caller: str) -> None:
        if self._free:
            self._free -= 1
            return
        own = self._callers.get(caller, deque())
        if self._waiting >= self._most or len(own) >= self._most // 2:
            raise QueueFull
        turn = asyncio.get_running_loop().create_future()
        self._callers.setdefault(caller, own).append(turn)
        self._waiting += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        while self._callers:
            caller, own = self._callers.popitem(last=False)
            turn = own.popleft()
            self._waiting -= 1
            if own:
                self._callers[caller] = own
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
