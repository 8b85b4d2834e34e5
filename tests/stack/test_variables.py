"""What programs of the stack get of the environment."""

from pathlib import Path

import pytest

from console.stack import variables
from tests.running import GIVEN as GIVEN_AT_FIRST
from tests.running import Stack

GIVEN = {
    "PATH": "/bin",
    "DATABASE_URL": "postgres://a:b@c/d",
    "REDIS_URL": "redis://:e@f",
    "GATEWRIGHT_ADMIN_PASSWORD": "g",
    "GATEWRIGHT_SECRET_KEY": "h",
    "GATEWRIGHT_ENCRYPTION_KEYS": "i",
    "GATEWRIGHT_HOME": "/home",
    "AWS_SECRET_ACCESS_KEY": "j",
}


def test_the_console_gets_its_keys_and_not_the_administrators_password() -> None:
    found = variables.of_console(GIVEN)

    assert set(GIVEN) - set(found) == {"GATEWRIGHT_ADMIN_PASSWORD"}


def test_other_programs_get_no_secret() -> None:
    assert variables.of_others(GIVEN) == {"PATH": "/bin", "GATEWRIGHT_HOME": "/home"}


@pytest.mark.stack
def test_no_process_that_runs_has_the_administrators_password(stack: Stack) -> None:
    """Nor has the one that was given it: the kernel shows what a process was started with until it ends."""
    assert stack.process is not None
    holders, seen = [], set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if str(stack.home).encode() in environment:
            seen.add(int(folder.name))
        if str(stack.home).encode() in environment and GIVEN_AT_FIRST.encode() in environment:
            holders.append(command)

    assert stack.process.pid in seen
    assert holders == []
