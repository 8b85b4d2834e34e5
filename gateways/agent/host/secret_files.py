"""The files that hold what policies keep secret: one text each, readable by its owner alone."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from gateways.agent.host import state_folder as files
from policies.compiled import SECRETS, Secret

_SALT, _SALT_BYTES = "names.key", 32


def salt(state: Path) -> bytes:
    """What names of secrets are made with, so that they tell nothing of a text that can be guessed.

    It is made when it is first needed; "" where there is no state folder. Raises OSError.
    """
    if not state.is_dir():
        return b""
    path = state / _SALT
    with suppress(OSError):
        if len(found := path.read_bytes()) == _SALT_BYTES:
            return found
    made = os.urandom(_SALT_BYTES)
    files.write_bytes(path, made)
    return made


def write(state: Path, secrets: Iterable[Secret]) -> None:
    """Those that are not there yet; a name stands for its text. Raises OSError."""
    missing = [one for one in secrets if not one.path.exists()]
    if missing:
        (state / SECRETS).mkdir(exist_ok=True, mode=0o700)
    for one in missing:
        files.write_bytes(one.path, one.text.encode())


def prune(state: Path, used: Iterable[Secret]) -> None:
    """Removes those that no configuration in force names; what cannot be removed stays for the next time."""
    kept = {one.path.name for one in used}
    with suppress(OSError):
        for path in (state / SECRETS).iterdir():
            if path.name not in kept:
                path.unlink(missing_ok=True)
