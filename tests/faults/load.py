"""Steady traffic that accounts for each of its requests.

    with Load(port, "/orders") as load:
        ...do harm...
        load.answer(20)
    assert load.failed == {}

Every request carries an id of its own in its path and must be answered with it, as `Echo` does.
"""

import http.client
import itertools
import json
import threading
import time

from tests.waiting import wait_until

PER_SECOND = 100
CONNECTIONS = 4
PATIENCE_SECONDS = 20

_runs = itertools.count(1)


class Load:
    """`answered` holds the ids that came back right, `failed` the reason of each other one that was sent."""

    def __init__(
        self, port: int, path: str, *, per_second: int = PER_SECOND, connections: int = CONNECTIONS
    ) -> None:
        self.answered: set[str] = set()
        self.failed: dict[str, str] = {}
        self._port = port
        self._path = path
        self._pause = connections / per_second
        self._run = next(_runs)
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(number,), daemon=True) for number in range(connections)
        ]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """The requests under way are waited for: each one ends answered or failed."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(2 * PATIENCE_SECONDS)

    @property
    def sent(self) -> int:
        return len(self.answered) + len(self.failed)

    def answer(self, more: int, seconds: float = 30) -> None:
        """Wait until so many more requests were answered."""
        enough = len(self.answered) + more
        wait_until(lambda: len(self.answered) >= enough, seconds)

    def _send(self, number: int) -> None:
        """One connection, kept open; a request each `_pause`, or as fast as the answers come."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
        due = time.monotonic()
        for count in itertools.count():
            due = max(due + self._pause, time.monotonic() - 1)
            if self._stopping.wait(max(0.0, due - time.monotonic())):
                break
            self._ask(connection, f"r{self._run}-{number}-{count}")
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, id_: str) -> None:
        try:
            connection.request("GET", f"{self._path}/{id_}")
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.failed[id_] = repr(error)
            return
        if response.status == 200 and json.loads(body)["path"].endswith(f"/{id_}"):
            self.answered.add(id_)
        else:
            self.failed[id_] = f"{response.status} {body[:200]!r}"
