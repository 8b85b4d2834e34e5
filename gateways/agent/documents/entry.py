"""One document that policies want: its text, when it is looked at again, and what went wrong."""

import asyncio
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateways.agent.documents.disk import KeptDocument
from policies.documents.document import Document

ASKED_SECONDS = 30.0
"""At least between two looks that scripts asked for: callers must not have an issuer asked at will."""
FIRST_RETRY_SECONDS = 1.0
MISSING_RETRY_SECONDS = 30.0
"""The longest wait where there is no text, and requests are refused for it."""
KEPT_RETRY_SECONDS = 300.0
MOST_CHARACTERS = 300
"""Of a reason."""


@dataclass
class FetchedDocument:
    """Times are of the monotonic clock. `is_tried` is set once there is a text, or it could not be had.

    One that `is_gone` is wanted by nobody.
    """

    document: Document
    kept: KeptDocument | None
    due: float = 0.0
    failure: str = ""
    failures: int = 0
    failing_since: float = 0.0
    asked_at: float = -ASKED_SECONDS
    is_asked: bool = False
    is_gone: bool = False
    is_tried: threading.Event = field(default_factory=threading.Event)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    task: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        """What comes from disk is due when it would have been, or now where the clock makes no sense."""
        if self.kept:
            self.is_tried.set()
            age = time.time() - self.kept.fetched_at
            left = self.document.ttl_seconds - age if age >= 0 else 0
            self.due = time.monotonic() + max(0, left)

    @property
    def text(self) -> str | None:
        return self.kept.text if self.kept else None

    def want(self, document: Document) -> None:
        """From now on as this one says."""
        sooner = self.document.ttl_seconds - document.ttl_seconds
        self.document = document
        if sooner > 0 and not self.failure:
            self.due -= sooner

    def ask(self) -> None:
        """Somebody met what the text does not explain."""
        at = max(time.monotonic(), self.asked_at + ASKED_SECONDS)
        if at < self.due:
            self.due, self.is_asked = at, True

    def begin(self) -> None:
        """A fetch begins."""
        if self.is_asked:
            self.asked_at, self.is_asked = time.monotonic(), False

    def take(self, text: str) -> bool:
        """Whether it is another one than before."""
        is_new = text != self.text
        self.kept = KeptDocument(text, time.time())
        self.failure, self.failures = "", 0
        self.due = time.monotonic() + self.document.ttl_seconds * _spread()
        return is_new

    def fail(self, reason: str) -> bool:
        """Whether that is news."""
        reason = reason[:MOST_CHARACTERS]
        is_news = reason != self.failure
        if not self.failures:
            self.failing_since = time.time()
        longest = KEPT_RETRY_SECONDS if self.kept else MISSING_RETRY_SECONDS
        pause = min(FIRST_RETRY_SECONDS * 2 ** min(self.failures, 20), longest, self.document.ttl_seconds)
        self.failure, self.failures = reason, self.failures + 1
        self.due = time.monotonic() + pause * _spread()
        return is_news

    @property
    def trouble(self) -> str:
        """For people; "" where there is none."""
        if not self.failure:
            return ""
        since = _shown(self.failing_since)
        what = f"{self.document.shown} cannot be fetched since {since}: {self.failure}."
        if self.kept:
            return f"{what} What was there at {_shown(self.kept.fetched_at)} counts on."
        return f"{what} It never was: requests that need it are refused."


def _spread() -> float:
    """So that replicas do not ask all in one moment."""
    return random.uniform(0.9, 1.0)  # noqa: S311 - spreads load, guards nothing


def _shown(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
