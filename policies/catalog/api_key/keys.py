"""Keys that people write into the policy: a line for each, NAME: KEY."""

import hashlib
import re
from collections.abc import Mapping

MOST, SHORTEST, LONGEST = 1000, 8, 255
GUESSED = 16
"""A key that is shorter can be guessed by who reads its digest."""


class BadKeys(ValueError):
    """The text says which line is wrong and what to do; it holds no key."""


def read(text: str) -> dict[str, str]:
    """The keys by their consumers' names. Raises BadKeys."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MOST:
        raise BadKeys(f"there are {len(lines)} keys and {MOST} at most; use contracts for more")
    found: dict[str, str] = {}
    for number, line in lines:
        name, colon, key = (part.strip() for part in line.partition(":"))
        if not colon or not name or len(name) > LONGEST or not name.isprintable():
            raise BadKeys(f'line {number} is not "NAME: KEY"')
        if not SHORTEST <= len(key) <= LONGEST or not re.fullmatch(r"[!-~]+", key):
            raise BadKeys(
                f"line {number}: a key has {SHORTEST} to {LONGEST} letters, digits and signs of ASCII"
            )
        if name in found:
            raise BadKeys(f"line {number}: there already is a key of {name}")
        if key in found.values():
            raise BadKeys(f"line {number}: another name has the same key")
        found[name] = key
    return found


def digests(keys: Mapping[str, str], salt: str) -> dict[str, str]:
    """Names by the digests of their keys, as key.lua looks them up."""
    return {hashlib.sha256(f"{salt}{key}".encode()).hexdigest(): name for name, key in keys.items()}
