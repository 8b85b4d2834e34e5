"""Clients that call an API all the time while it is decided about them: none is answered contrary to that.

`Deciding` is where that is done: the console, or the files of Local Mode. Each of its methods returns when
the gateway has told that the decision counts.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Protocol

from tests.waiting import wait_until

PAUSE_SECONDS = 0.02
PATIENCE_SECONDS = 60
SMALL, OTHER, FIRST, SECOND = 20, 15, 10, 30
"""How many requests tiers are good for at first, in a window that outlasts every test."""
TIERS = {"small": SMALL, "other": OTHER, "first": FIRST, "second": SECOND, "large": 10**6}
CLIENTS = {
    "kept": "large",
    "toggled": "large",
    "waiting": "large",
    "limited": "small",
    "exhausted": "other",
    "moved": "first",
}
"""The tier of each client. `waiting` has no contract yet; `stranger`, who calls as well, never gets one."""
CONNECTIONS = {"kept": 2, "toggled": 2, "limited": 3}


class Deciding(Protocol):
    port: int

    def headers(self, client: str) -> Mapping[str, str]: ...
    def approve(self, client: str) -> None: ...
    def revoke(self, client: str) -> None: ...
    def restore(self, client: str) -> None: ...
    def limit(self, tier: str, maximum: int) -> None: ...
    def move(self, client: str, tier: str) -> None: ...


@dataclass(frozen=True)
class Answer:
    """0 is a connection that broke."""

    begun: float
    ended: float
    status: int


@dataclass
class Ruling:
    """From `counted` until `over` each request that begins and ends is answered so."""

    client: str
    status: int
    counted: float
    over: float = float("inf")

    def contrary(self, answers: list[Answer]) -> list[Answer]:
        inside = (one for one in answers if self.counted <= one.begun and one.ended <= self.over)
        return [one for one in inside if one.status != self.status]


def status(deciding: Deciding, client: str) -> int:
    """Of one request over a connection of its own; 0 without an answer."""
    connection = HTTPConnection("127.0.0.1", deciding.port, timeout=30)
    return _asked(connection, dict(deciding.headers(client)))


class Consumers:
    """They call from `__enter__` on until `__exit__`."""

    def __init__(self, deciding: Deciding) -> None:
        self.answers: dict[str, list[Answer]] = {client: [] for client in (*CLIENTS, "stranger")}
        self.rulings: list[Ruling] = []
        self._deciding = deciding
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._call, args=(client,), daemon=True)
            for client in self.answers
            for _ in range(CONNECTIONS.get(client, 1))
        ]

    def __enter__(self) -> "Consumers":
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for one in self._threads:
            one.join()

    def rule(self, client: str, status: int) -> Ruling:
        """What was decided counts from now on; lets some requests try it."""
        ruling = Ruling(client, status, time.monotonic())
        self.rulings.append(ruling)
        seen = len(self.answers[client])
        wait_until(lambda: len(self.answers[client]) >= seen + 5, PATIENCE_SECONDS)
        return ruling

    def end(self, ruling: Ruling) -> None:
        """To be called before it is decided otherwise."""
        ruling.over = time.monotonic()

    def admitted(self, client: str) -> int:
        return self.statuses(client)[200]

    def statuses(self, client: str) -> Counter[int]:
        return Counter(one.status for one in self.answers[client])

    def use_up(self, client: str, maximum: int) -> None:
        wait_until(lambda: self.admitted(client) >= maximum, PATIENCE_SECONDS)
        self.end(self.rule(client, 429))

    def _call(self, client: str) -> None:
        connection = HTTPConnection("127.0.0.1", self._deciding.port, timeout=30)
        headers = dict(self._deciding.headers(client))
        while not self._stopping.wait(PAUSE_SECONDS):
            begun, told = time.monotonic(), _asked(connection, headers)
            self.answers[client].append(Answer(begun, time.monotonic(), told))


def _asked(connection: HTTPConnection, headers: dict[str, str]) -> int:
    try:
        connection.request("GET", "/orders/1", headers=headers)
        response = connection.getresponse()
        response.read()
    except (OSError, HTTPException):
        connection.close()
        return 0
    return response.status


def decide_under_load(deciding: Deciding, rounds: int = 4) -> None:
    """Fails the test where a request was answered contrary to a decision that counted, a window let more pass
    than its limit, a counter began anew, or anything broke.
    """
    with ExitStack() as load:
        consumers = load.enter_context(Consumers(deciding))
        first = [consumers.rule("kept", 200), consumers.rule("waiting", 401), consumers.rule("stranger", 401)]
        for client, maximum in (("limited", SMALL), ("exhausted", OTHER), ("moved", FIRST)):
            consumers.use_up(client, maximum)
        exhausted, toggled = consumers.rule("exhausted", 429), consumers.rule("toggled", 200)
        highest = SMALL
        for number in range(rounds):
            consumers.end(toggled)
            deciding.revoke("toggled")
            consumers.end(consumers.rule("toggled", 401))
            highest += 10
            deciding.limit("small", highest)
            consumers.use_up("limited", highest)
            deciding.limit("small", 5)
            consumers.end(consumers.rule("limited", 429))
            deciding.restore("toggled")
            toggled = consumers.rule("toggled", 200)
            if number == 0:
                consumers.end(first[1])
                deciding.approve("waiting")
                consumers.rule("waiting", 200)
            if number == 1:
                deciding.move("moved", "second")
                consumers.use_up("moved", SECOND)
                deciding.move("moved", "first")
                consumers.rule("moved", 429)
        consumers.rule("limited", 429)
    assert exhausted.over == float("inf")
    for ruling in consumers.rulings:
        assert (ruling, ruling.contrary(consumers.answers[ruling.client])) == (ruling, [])
    used = {client: consumers.admitted(client) for client in ("limited", "exhausted", "moved")}
    assert used == {"limited": highest, "exhausted": OTHER, "moved": SECOND}
    assert {status for client in consumers.answers for status in consumers.statuses(client)} == {
        200,
        401,
        429,
    }
