"""How many of something each replica has, told a storage, and how many the others have, heard of it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from policies.traits import Storage

SCRIPT = Path(__file__).with_name("elsewhere.lua").read_text()


def elsewhere(
    storage: Storage, kind: str, what: str, *, teller: str, lasts_ms: int, here: Sequence[tuple[bytes, int]]
) -> Iterator[int]:
    """Of each of these, names and how many are `here`, how many the others have; what is told lasts so long.

    `kind` is part of the keys, `what` of the words. Raises whatever the client does, and ValueError for an
    answer that is none, or where it comes to one that cannot be kept there.
    """
    keys = [f"gatewright:{kind}:{name.hex()}" for name, _ in here]
    told: Any = storage.eval(SCRIPT, len(keys), *keys, teller, lasts_ms, *(count for _, count in here))
    if not isinstance(told, list) or len(told) != len(here):
        raise ValueError("what it answers is not understood")
    for others in told:
        if not isinstance(others, int):
            raise ValueError(f"{what} cannot be kept there")
        yield others
