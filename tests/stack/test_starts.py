"""Start, stop, start, kill, start: by root and by others, wherever the state folder and the checkout are."""

import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from console.stack.account import Account
from tests.running import PROJECT, Stack
from tests.stack.client import Client

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(600)]

OTHERS = ("gatewright", "nobody")


@dataclass(frozen=True)
class Place:
    """A state folder below a folder with these permissions; the name of each folder on the way."""

    names: tuple[str, ...]
    mode: int = 0o711
    umask: int = -1


PLACES = {
    "open": Place(("home",)),
    "private": Place(("home",), mode=0o700),
    "private, umask 077": Place(("home",), mode=0o700, umask=0o077),
    "spaced and not ASCII": Place(("a space", "s\u00fc\u00df \u4e2d", 'it\'s "home" %s')),
    "long, umask 077": Place(("long" * 20, "long" * 20, "long" * 20), umask=0o077),
}


@dataclass(frozen=True)
class Starter:
    """`account` is None for whoever runs the tests; `python` is an interpreter that the account can reach."""

    account: str | None = None
    python: tuple[str, str] = (sys.executable, "")


def someone_else() -> Starter:
    """An ordinary account; root's own Python may be where nobody else can reach it."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    pythons = [(sys.executable, ""), (f"/usr/bin/{version}", sysconfig.get_path("purelib"))]
    for name in OTHERS:
        try:
            who = Account(name, *pwd.getpwnam(name)[2:4])
        except KeyError:
            continue
        for python in pythons:
            if who.may_use(PROJECT / "console") and who.may_use(Path(python[0])) and _loads(who, *python):
                return Starter(name, python)
    pytest.skip("no other account can reach this checkout and a Python with what it needs")


def _loads(who: Account, interpreter: str, packages: str) -> bool:
    """Whether what is installed for our Python suits this one: of another patch level it may not."""
    tried = subprocess.run(
        [interpreter, "-c", "import django, psycopg, redis, celery, cryptography"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": packages},
        capture_output=True,
        check=False,
        **who.popen,
    )
    return tried.returncode == 0


@pytest.fixture(params=["as whoever runs the tests", "as somebody else"])
def starter(request: pytest.FixtureRequest) -> Starter:
    if request.param == "as whoever runs the tests":
        return Starter()
    if os.geteuid() != 0:
        pytest.skip("only root can start programs as somebody else")
    return someone_else()


@pytest.fixture
def folder(starter: Starter) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gw-", dir="/tmp") as name:
        if starter.account:
            shutil.chown(name, starter.account)
        yield Path(name)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_was_started_starts_again(folder: Path, starter: Starter, place: Place) -> None:
    folder.chmod(place.mode)
    stack = Stack(
        folder.joinpath(*place.names), account=starter.account, python=starter.python, umask=place.umask
    )

    _live_three_times(stack)


def test_a_moved_checkout_keeps_its_state(folder: Path, starter: Starter) -> None:
    folder.chmod(0o711)
    first, second = folder / "first place", folder / "second"
    _check_out(first)
    _give(first, starter)
    before = Stack(first / ".gatewright", project=first, account=starter.account, python=starter.python)
    before.start()
    organization = Client(before).organization
    assert before.process is not None
    before.process.kill()
    before.process.wait()
    first.rename(second)
    after = Stack(second / ".gatewright", project=second, account=starter.account, python=starter.python)

    after.start()

    assert Client(after).organization == organization
    assert httpx.get(f"{after.url}/healthz").status_code == 200
    assert after.stop() == 0
    assert after.processes() == before.processes() == []


def test_a_checkout_that_nobody_may_write_runs_with_its_state_elsewhere(
    folder: Path, starter: Starter
) -> None:
    folder.chmod(0o755)
    checkout = folder / "read only"
    _check_out(checkout)
    for path in (checkout, *checkout.rglob("*")):
        path.chmod(0o555 if path.is_dir() or path.stat().st_mode & 0o100 else 0o444)
    home = folder / "home"
    home.mkdir()
    _give(home, starter)

    _live_three_times(Stack(home, project=checkout, account=starter.account, python=starter.python))


def _live_three_times(stack: Stack) -> None:
    stack.start()
    organization = Client(stack).organization
    assert stack.stop() == 0
    assert stack.processes() == []

    stack.start()
    assert stack.process is not None
    stack.process.kill()
    stack.process.wait()

    stack.start()
    assert Client(stack).organization == organization
    assert httpx.get(f"{stack.url}/healthz").status_code == 200
    assert stack.stop() == 0
    assert stack.processes() == []


def _check_out(to: Path) -> None:
    """What a clone of this tree would hold, with what is not committed yet."""
    to.mkdir()
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=PROJECT, capture_output=True, check=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (PROJECT / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, to / name)


def _give(tree: Path, starter: Starter) -> None:
    if starter.account:
        for path in (tree, *tree.rglob("*")):
            shutil.chown(path, starter.account)
