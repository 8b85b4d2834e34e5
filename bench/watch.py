"""Callers on open keep-alive connections who look at every answer while APIs change."""

import http.client
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Watch:
    """`first_seen` is when each version was answered first; `wrong` tells of answers that should not be."""

    port: int
    path: str
    headers: Mapping[str, str]
    body: str
    is_versioned: bool
    newest_asked: int = 0
    requests: int = 0
    first_seen: dict[int, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self, connections: int, pause_seconds: float) -> None:
        for _ in range(connections):
            thread = threading.Thread(target=self._ask, args=(pause_seconds,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(10)

    def _ask(self, pause_seconds: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        last = -1
        while not self._stopping.wait(pause_seconds):
            try:
                connection.request("GET", self.path, headers=dict(self.headers))
                answer = connection.getresponse()
                body, at = answer.read().decode(), time.monotonic()
            except OSError as error:
                self.wrong.append(f"{type(error).__name__}: {error}")
                connection.close()
                continue
            self.requests += 1
            if answer.status != 200 or body != self.body:
                self.wrong.append(f"{answer.status} {body[:100]}")
            elif self.is_versioned:
                last = self._versioned(answer.getheader("X-Version"), last, at)

    def _versioned(self, told: str | None, last: int, at: float) -> int:
        """A connection never sees an older version after a newer one, nor one that nobody asked for."""
        version = int(told) if told and told.isdigit() else -1
        if version < max(last, 0) or version > self.newest_asked:
            self.wrong.append(f"version {told} after {last}")
        self.first_seen.setdefault(version, at)
        return version
