"""Keeps the documents that policies need: fetched in the background, on disk across restarts and changes.

A change of the configuration never waits for one that was had before. Each is looked at again when its time
to live is over, and when a script met what its text does not explain (`policies/documents/asking.py`). While
it cannot be had, what was there last counts on.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gateways.agent.documents.disk import Disk
from gateways.agent.documents.entry import FetchedDocument
from gateways.agent.documents.fetching import Fetcher, Unfetched
from policies.documents import asking
from policies.documents.document import Document

LOOK_SECONDS = 0.5
AT_ONCE = 32
MOST_TROUBLES = 5

log = logging.getLogger(__name__)


class Documents:
    """Thread-safe. Its threads begin with the first document that is wanted.

    `changed` is called, from a thread of its own, after a text has become another one.
    """

    def __init__(self, state: Path, changed: Callable[[], object] = lambda: None) -> None:
        self.changed = changed
        self._disk = Disk(state)
        self._state = state
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, str], FetchedDocument] = {}
        self._news = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_over = False

    def get(self, document: Document) -> str | None:
        """Its text; None where there was none yet."""
        with self._lock:
            entry = self._entries.get(document.key)
            if entry is None:
                entry = self._entries[document.key] = FetchedDocument(document, self._disk.load(document))
            return entry.text

    def want(self, documents: Iterable[Document]) -> None:
        """From now on these are kept, and no others."""
        wanted: dict[tuple[str, str], Document] = {}
        for one in documents:
            wanted[one.key] = _strictest(one, wanted.get(one.key, one))
        with self._lock:
            for key, document in wanted.items():
                if key not in self._entries:
                    self._entries[key] = FetchedDocument(document, self._disk.load(document))
                self._entries[key].want(document)
            gone = [self._entries.pop(key) for key in self._entries.keys() - wanted.keys()]
            for entry in gone:
                entry.is_gone = True
        self._disk.prune({self._disk.path(one) for one in wanted.values()})
        if (wanted or self._loop) and not self._is_over:
            self._running().call_soon_threadsafe(self._attend, gone)

    def wait(self, documents: Iterable[Document], seconds: float) -> None:
        """Until each was had or tried once, for so long at most."""
        until = time.monotonic() + seconds
        with self._lock:
            entries = [self._entries[one.key] for one in documents if one.key in self._entries]
        for entry in entries:
            entry.is_tried.wait(max(0, until - time.monotonic()))

    def troubles(self) -> list[str]:
        """What people should know of those that cannot be had, the missing ones first."""
        with self._lock:
            entries = [one for one in self._entries.values() if one.failure]
        entries.sort(key=lambda one: (one.kept is not None, one.document.url))
        told = [one.trouble for one in entries[:MOST_TROUBLES]]
        if more := len(entries) - len(told):
            told.append(f"{more} more documents cannot be fetched; the gateway's log names them.")
        return told

    def close(self) -> None:
        """Fetches no more. The texts stay."""
        self._is_over = True
        self._news.set()

    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            with suppress(OSError):
                asking.prepare(self._state)
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._run, args=(self._loop,), name="documents", daemon=True).start()
            threading.Thread(target=self._tell, name="documents-changed", daemon=True).start()
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        self._fetcher, self._places = Fetcher(), asyncio.Semaphore(AT_ONCE)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._look())

    def _attend(self, gone: Iterable[FetchedDocument]) -> None:
        """Each document has a task of its own."""
        for entry in gone:
            if entry.task:
                entry.task.cancel()
        with self._lock:
            entries = list(self._entries.values())
        for entry in entries:
            if entry.task is None:
                entry.task = asyncio.get_running_loop().create_task(self._keep(entry))
            entry.woken.set()

    async def _keep(self, entry: FetchedDocument) -> None:
        # A task that is cancelled in the moment in which it is woken may go on.
        while not entry.is_gone:
            if (seconds := entry.due - time.monotonic()) <= 0:
                await self._try(entry)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await entry.woken.wait()
            entry.woken.clear()

    async def _try(self, entry: FetchedDocument) -> None:
        async with self._places:
            entry.begin()
            try:
                text = await self._fetcher.fetch(entry.document)
            except Unfetched as error:
                self._failed(entry, str(error))
            except Exception as error:
                log.exception("document=%s", entry.document.shown)
                self._failed(entry, f"it could not be asked for ({type(error).__name__})")
            else:
                self._took(entry, text)
        entry.is_tried.set()

    def _took(self, entry: FetchedDocument, text: str) -> None:
        had_failed = bool(entry.failure)
        is_new = entry.take(text)
        assert entry.kept is not None
        self._disk.save(entry.document, entry.kept)
        if is_new or had_failed:
            log.info("document=%s changed=%s bytes=%d", entry.document.shown, str(is_new).lower(), len(text))
        if is_new:
            self._news.set()

    def _failed(self, entry: FetchedDocument, reason: str) -> None:
        if entry.fail(reason):
            holds = str(entry.kept is not None).lower()
            log.warning("document=%s fetched=false kept=%s reason=%r", entry.document.shown, holds, reason)

    async def _look(self) -> None:
        """Which documents scripts ask for. Who waits for the end waits for no more than one look."""
        while not self._is_over:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(OSError):
                if places := self._asked():
                    self._ask(places)

    def _ask(self, places: set[int]) -> None:
        with self._lock:
            asked = [one for one in self._entries.values() if asking.place(one.document) in places]
        for entry in asked:
            entry.ask()
            entry.woken.set()

    def _asked(self) -> set[int]:
        """Which bytes are set; they are taken back. Raises OSError."""
        with asking.path(self._state).open("r+b", buffering=0) as page:
            content = page.read(asking.BYTES) or b""
            if not content.strip(b"\0"):
                return set()
            found = {place for place, byte in enumerate(content) if byte}
            for place in found:
                page.seek(place)
                page.write(b"\0")
        return found

    def _tell(self) -> None:
        while True:
            self._news.wait()
            self._news.clear()
            if self._is_over:
                return
            try:
                self.changed()
            except Exception:
                log.exception("documents=changed applied=false")


def _strictest(one: Document, other: Document) -> Document:
    """What both want of one document."""
    return replace(
        one,
        ttl_seconds=min(one.ttl_seconds, other.ttl_seconds),
        timeout_seconds=max(one.timeout_seconds, other.timeout_seconds),
        most_bytes=max(one.most_bytes, other.most_bytes),
    )
