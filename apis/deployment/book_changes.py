"""What has changed of a gateway's contracts, so that it is sent by itself: of 10,000 one changes most often.

In Valkey lies a base: the marks of all contracts, as they were at some generation. Changes are what differs
from it now, so they are good for a replica that has the base's generation or any after it, and a lost
message costs nothing. Contracts that came after the base are noted in it, so that they are told of when they
are gone again. When many differ there is a new base. What goes wrong with it (it is lost, or of a
database that was restored since) the digest of all contracts finds, which heartbeats compare.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apis.contracts.models import Contract
from gateways.agents import outbox
from gateways.models import Gateway

MANY = 200
"""So many that differ are sent, and the base is anew."""
MOST = 2_000
"""More are not sent: all contracts are."""


NOBODYS = -1
"""The mark in a base of what came after it."""


@dataclass(frozen=True)
class Marks:
    """Of the contracts that count at a generation, by their ids."""

    generation: int
    of: Mapping[int, int]


@dataclass(frozen=True)
class Changes:
    """`changed` are new or other since a generation, `gone` count no more."""

    since: int
    changed: Sequence[int]
    gone: Sequence[int]

    def __len__(self) -> int:
        return len(self.changed) + len(self.gone)


def marks(gateway: Gateway) -> Marks | None:
    """As they are now; None where there are no contracts. In one query: what it finds is of one moment, so no
    contract is there whose change the generation does not count.
    """
    approved = Contract.objects.filter(api__gateway=gateway, status=Contract.Status.APPROVED)
    rows: list[Any] = list(
        approved.order_by("pk").values_list("pk", "mark", "api__gateway__book__generation")
    )
    if not rows or not rows[0][2]:
        return None
    return Marks(rows[0][2], {pk: mark for pk, mark, _ in rows})


def since_base(gateway: Gateway, now: Marks) -> Changes | None:
    """What differs from the base; None where there is none that can be one. To be sent then: what is new has
    been noted. Raises redis.RedisError.
    """
    base = _base(gateway)
    if base is None or not 0 < base.generation < now.generation:
        return None
    changed = [pk for pk, mark in now.of.items() if base.of.get(pk) != mark]
    gone = list(base.of.keys() - now.of.keys())
    if len(changed) + len(gone) > MOST:
        return None
    if came := [pk for pk in changed if pk not in base.of]:
        keep(gateway, Marks(base.generation, {**base.of, **dict.fromkeys(came, NOBODYS)}))
    return Changes(base.generation, changed, gone)


def keep(gateway: Gateway, now: Marks) -> None:
    """It is the base from now on. Raises redis.RedisError."""
    pairs = (number for pair in now.of.items() for number in pair)
    outbox.keep_base(gateway, array("q", (now.generation, *pairs)).tobytes())


def _base(gateway: Gateway) -> Marks | None:
    text = outbox.base(gateway)
    if not text or len(text) % 16 != 8:
        return None
    generation, *numbers = array("q", text)
    return Marks(generation, dict(zip(numbers[::2], numbers[1::2], strict=True)))
