"""What works in the background, and how each part of it is: Valkey, the workers, the streams, the readers."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import redis
from django.core.cache import cache
from django.utils import timezone

PULSE_KEY = "worker-pulse"
LINK_PULSE_KEY = "link-pulse"
"""Written by every link process; the newest counts."""
READER_PULSE_KEY = "reader-pulse"
"""Written by every worker that takes documents, however long it reads one."""
PULSE_KEYS = {"worker": PULSE_KEY, "link": LINK_PULSE_KEY, "reader": READER_PULSE_KEY}
PULSE_SECONDS = 5
"""How often beat has a worker write the time; three missed and the workers count as down."""
REMEMBERED_SECONDS = 2
NO_ANSWER = "does not answer"

_noticed: dict[str, datetime] = {}
"""Since when this process has known a part to be down."""


@dataclass(frozen=True)
class SystemPart:
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
class _LastAnswer:
    """The last answer of the parts in the background, and when it was given."""

    asked_at: float = float("-inf")
    found: list[SystemPart] = field(default_factory=list)


_last = _LastAnswer()


def parts() -> list[SystemPart]:
    """Valkey, the workers, streams, readers: no page needs them, and every page tells when they are away.

    Asked anew every few seconds in each process, so that pages stay quick whatever Valkey does.
    """
    if time.monotonic() - _last.asked_at > REMEMBERED_SECONDS:
        _last.found = asked()
        _last.asked_at = time.monotonic()
    return _last.found


def is_valkey_up() -> bool:
    return parts()[0].is_up


def asked() -> list[SystemPart]:
    """Of each part, now."""
    try:
        pulses = cache.get_many(PULSE_KEYS.values())
    except redis.RedisError:
        unknown = f"unknown: Valkey {NO_ANSWER}"
        return [part("valkey", NO_ANSWER), *(part(name, unknown) for name in PULSE_KEYS)]
    return [part("valkey", "up"), *(_pulsing(name, pulses.get(key)) for name, key in PULSE_KEYS.items())]


def _pulsing(name: str, pulse: float | None) -> SystemPart:
    if pulse is None:
        return part(name, "no answer yet")
    age = time.time() - pulse
    if age < 3 * PULSE_SECONDS:
        return part(name, "up")
    return SystemPart(name, f"silent for {age:.0f} s", datetime.fromtimestamp(pulse, UTC))


def part(name: str, state: str) -> SystemPart:
    """Remembers since when this process has known it to be down."""
    if state == "up":
        _noticed.pop(name, None)
        return SystemPart(name, state)
    return SystemPart(name, state, _noticed.setdefault(name, timezone.now()))
