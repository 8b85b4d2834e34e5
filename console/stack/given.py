"""The administrator's password as it is given to `manage.py up`: taken out of where others can read it.

What a process was started with stands in /proc/PID/environ for as long as it runs, whatever it deletes
from its own variables. So the process starts once more, without the password, which a pipe hands on.
"""

import os
import sys

from console.stack.stack_error import StackError

PASSWORD = "GATEWRIGHT_ADMIN_PASSWORD"  # noqa: S105 the variable, not a password
PIPE = "GATEWRIGHT_ADMIN_PASSWORD_PIPE"
"""The number of the pipe's end that holds it; it can be read once."""
MOST_BYTES = 4096
"""As much as any pipe takes at once."""


def password() -> str | None:
    """What was given. Does not return where it stands in the environment: see above. Raises StackError."""
    given = os.environ.pop(PASSWORD, "")
    end = os.environ.pop(PIPE, "")
    if given:
        _start_again(given.encode(errors="surrogateescape"))
    return _read(int(end)) if end.isdecimal() else None


def _start_again(secret: bytes) -> None:
    """As the same process: who started us waits for it, and its signals go to it."""
    if len(secret) > MOST_BYTES:
        raise StackError(f"{PASSWORD} is longer than {MOST_BYTES} bytes: give a shorter one.")
    end, other_end = os.pipe()
    os.write(other_end, secret)
    os.close(other_end)
    os.set_inheritable(end, True)
    arguments = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, arguments, {**os.environ, PIPE: str(end)})  # noqa: S606 it is ourselves


def _read(end: int) -> str:
    with open(end, "rb") as pipe:
        return pipe.read().decode(errors="surrogateescape")
