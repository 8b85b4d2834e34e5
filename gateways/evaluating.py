"""Has expressions evaluated by one process that stands ready for them, so that each costs milliseconds."""

import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

from gateways import rehearsing
from gateways.protocol.rehearsal import Evaluate, Played, Request, Value
from gateways.rehearsing import RehearsalEnded, Rehearsing

MOST_EVALUATED = 2000
"""By one process: then another one takes its place, and its memory is given back."""


class _Evaluator:
    """One at a time. The process ends by itself when nobody asks for long."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: AbstractContextManager[Rehearsing] | None = None
        self._process: Rehearsing | None = None
        self._left = 0
        self._asked_at = 0.0

    def value(self, asked: Evaluate, request: Request, answers: Sequence[Played]) -> Value:
        with self._lock:
            if self._left <= 0 or time.monotonic() - self._asked_at > rehearsing.SPARE_SECONDS:
                self._end()
            process = self._process or self._start()
            self._left, self._asked_at = self._left - 1, time.monotonic()
            try:
                return process.evaluate(asked, request, answers)
            except RehearsalEnded:
                self._end()
                raise

    def _start(self) -> Rehearsing:
        self._begun = rehearsing.rehearsing(None)
        self._process, self._left = self._begun.__enter__(), MOST_EVALUATED
        return self._process

    def _end(self) -> None:
        begun, self._begun, self._process, self._left = self._begun, None, None, 0
        if begun is not None:
            begun.__exit__(None, None, None)


_evaluator = _Evaluator()


def evaluate(asked: Evaluate, request: Request, answers: Sequence[Played] = ()) -> Value:
    """Raises RehearsalEnded, NotAsked."""
    return _evaluator.value(asked, request, answers)
