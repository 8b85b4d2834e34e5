"""Steady calls of one address in the background, each of them accounted for."""

import ssl
import threading
import time
from collections import Counter

import httpx

PAUSE_SECONDS = 0.02


class SteadyCalls:
    """As a context: one call after the other until it ends; `answers` counts them by their status.

    A call without an answer counts under the name of what went wrong.
    """

    def __init__(self, url: str, *, trust: ssl.SSLContext | bool = True) -> None:
        self.answers: Counter[int | str] = Counter()
        self.began = time.monotonic()
        self._url, self._trust = url, trust
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._call, daemon=True)

    def __enter__(self) -> "SteadyCalls":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(30)

    def go_on_for(self, seconds: float) -> None:
        """Return when the calls have gone on for so long since they began."""
        self._ending.wait(max(0.0, self.began + seconds - time.monotonic()))

    def _call(self) -> None:
        with httpx.Client(trust_env=False, timeout=10, verify=self._trust) as client:
            while not self._ending.wait(PAUSE_SECONDS):
                try:
                    self.answers[client.get(self._url).status_code] += 1
                except httpx.HTTPError as error:
                    self.answers[type(error).__name__] += 1
