"""Keys that people write into a policy, all as one secret text: a line for each, NAME: KEY."""

import re

from pydantic import SecretStr

from policies.policy import fault

MOST, LONGEST = 1000, 255
MOST_CHARACTERS = 600_000


class BadKeys(ValueError):
    """The text says which line is wrong and what to do; it holds no key."""


def read(text: str, shortest: int) -> dict[str, str]:
    """The keys by their names; none is of less than `shortest` characters. Raises BadKeys."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > MOST:
        raise BadKeys(f"there are {len(lines)} keys and {MOST} at most; use contracts for more")
    found: dict[str, str] = {}
    for number, line in lines:
        name, colon, key = (part.strip() for part in line.partition(":"))
        if not colon or not name or len(name) > LONGEST or not name.isprintable():
            raise BadKeys(f'line {number} is not "NAME: KEY"')
        if not shortest <= len(key) <= LONGEST or not re.fullmatch(r"[!-~]+", key):
            raise BadKeys(
                f"line {number}: a key has {shortest} to {LONGEST} letters, digits and signs of ASCII"
            )
        if name in found:
            raise BadKeys(f"line {number}: there already is a key of {name}")
        if key in found.values():
            raise BadKeys(f"line {number}: another name has the same key")
        found[name] = key
    return found


def check(field: str, written: SecretStr | None, shortest: int, otherwise: str = "") -> None:
    """Raises what is wrong as a fault of the `field`; `otherwise` ends what is said where there is no key."""
    text = written.get_secret_value() if written else ""
    if not text.strip():
        raise fault(field, f"write a line for each, NAME: KEY{otherwise}")
    if len(text) > MOST_CHARACTERS:
        raise fault(field, f"it has more than {MOST_CHARACTERS} characters")
    try:
        read(text, shortest)
    except BadKeys as error:
        raise fault(field, str(error)) from None
