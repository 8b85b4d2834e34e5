"""Takes what came last, in a thread of its own: when something newer comes, what waits is dropped."""

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class Newest(Generic[T]):
    """`take` is called with one thing after the other."""

    def __init__(self, name: str, take: Callable[[T], None]) -> None:
        self._name = name
        self._take = take
        self._waiting: T | None = None
        self._is_idle = True
        self._changed = threading.Condition()

    def start(self) -> None:
        threading.Thread(target=self._take_all, name=self._name, daemon=True).start()

    def offer(self, one: T) -> None:
        with self._changed:
            self._waiting, self._is_idle = one, False
            self._changed.notify_all()

    def settle(self, seconds: float) -> None:
        """Wait until all that came is taken, but no longer than this."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_idle, seconds)

    def _take_all(self) -> None:
        while True:
            with self._changed:
                self._is_idle = self._waiting is None
                self._changed.notify_all()
                while self._waiting is None:
                    self._changed.wait()
                one, self._waiting = self._waiting, None
            try:
                self._take(one)
            except Exception:
                log.exception("%s=failed", self._name)
