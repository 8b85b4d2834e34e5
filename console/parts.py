"""The parts that the console needs, and how each of them is: /healthz, banner and status page ask here."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import redis
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from console import database
from console.front import health
from gateways.models import Replica

PULSE_KEY = "worker-pulse"
LINK_PULSE_KEY = "link-pulse"
"""Written by every link process; the newest counts."""
READER_PULSE_KEY = "reader-pulse"
"""Written by every worker that takes documents, however long it reads one."""
PULSE_KEYS = {"worker": PULSE_KEY, "link": LINK_PULSE_KEY, "reader": READER_PULSE_KEY}
PULSE_SECONDS = 5
"""How often beat has a worker write the time; three missed and the workers count as down."""
LOCAL_GATEWAY: Path = settings.HOME / "local-gateway" / "id"
"""Holds the id of the gateway that `manage.py up` runs; where it runs none, there is no such part."""
FRONT: Path = settings.HOME / "front"
"""The folder of the front that runs on this machine; elsewhere there is no such part."""
REMEMBERED_SECONDS = 2
NO_ANSWER = "does not answer"

_noticed: dict[str, datetime] = {}
"""Since when this process has known a part to be down."""


@dataclass(frozen=True)
class Part:
    """`state` is "up" or what is wrong; `since` is None when up, or when nobody knows."""

    name: str
    state: str
    since: datetime | None = None

    @property
    def is_up(self) -> bool:
        return self.state == "up"

    @property
    def is_unknown(self) -> bool:
        """Whether another part, which is away, would have to say."""
        return self.state.startswith("unknown")

    @property
    def tone(self) -> str:
        """The colour that goes with the state."""
        return "ok" if self.is_up else "off" if self.is_unknown else "bad"


@dataclass
class _Answer:
    """The last answer of the parts in the background, and when it was given."""

    asked_at: float = float("-inf")
    found: list[Part] = field(default_factory=list)


_last = _Answer()


def look() -> list[Part]:
    """Ask every part now. One that does not answer costs a second or two, never more."""
    has_database = database.answers()
    parts = [_part("database", "up" if has_database else NO_ANSWER), *_background()]
    if LOCAL_GATEWAY.exists():
        parts.append(_part("gateway", _gateway() if has_database else f"unknown: the database {NO_ANSWER}"))
    if (FRONT / health.SOCKET).exists():
        parts.append(_part("front", health.state(FRONT)))
    return parts


def background() -> list[Part]:
    """Valkey, the workers, streams, readers: no page needs them, and every page tells when they are away.

    Asked anew every few seconds in each process, so that pages stay quick whatever Valkey does.
    """
    if time.monotonic() - _last.asked_at > REMEMBERED_SECONDS:
        _last.found = _background()
        _last.asked_at = time.monotonic()
    return _last.found


def is_valkey_up() -> bool:
    return background()[0].is_up


def _background() -> list[Part]:
    try:
        pulses = cache.get_many(PULSE_KEYS.values())
    except redis.RedisError:
        unknown = f"unknown: Valkey {NO_ANSWER}"
        return [_part("valkey", NO_ANSWER), *(_part(name, unknown) for name in PULSE_KEYS)]
    return [_part("valkey", "up"), *(_pulsing(name, pulses.get(key)) for name, key in PULSE_KEYS.items())]


def _pulsing(name: str, pulse: float | None) -> Part:
    if pulse is None:
        return _part(name, "has not answered yet")
    age = time.time() - pulse
    if age < 3 * PULSE_SECONDS:
        return _part(name, "up")
    return Part(name, f"silent for {age:.0f} s", datetime.fromtimestamp(pulse, UTC))


def _gateway() -> str:
    gateway_id = LOCAL_GATEWAY.read_text()
    is_connected = Replica.objects.connected().filter(gateway_id=gateway_id).exists()
    return "up" if is_connected else "not connected"


def _part(name: str, state: str) -> Part:
    if state == "up":
        _noticed.pop(name, None)
        return Part(name, state)
    return Part(name, state, _noticed.setdefault(name, timezone.now()))
