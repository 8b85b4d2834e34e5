"""`manage.py up`, ended in each way and started again."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console.stack import places
from tests.running import Stack
from tests.stack.client import Client

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def restarted() -> Iterator[Stack]:
    """A stack of its own, in a folder that others cannot enter, has a space and is too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="gatewright-", dir="/tmp") as folder:
        home = Path(folder, "a space", *["long" * 10] * 3)
        stack = Stack(home)
        stack.start()
        yield stack
        if stack.process:
            stack.stop()
        assert stack.processes() == []
        assert not places.sockets(home).exists()


def test_a_second_start_beside_the_first_is_refused(restarted: Stack) -> None:
    second = Stack(restarted.home)

    assert second.run() == 1
    assert "runs already with the state folder" in second.lines[0]


def test_ctrl_c_leaves_no_process_and_the_next_start_finds_the_state(restarted: Stack) -> None:
    before = Client(restarted).organization

    code = restarted.stop(signal.SIGINT)

    assert code == 0
    assert restarted.processes() == []
    restarted.start()
    assert Client(restarted).organization == before


def test_a_start_after_a_kill_cleans_up_and_serves(restarted: Stack) -> None:
    assert restarted.process is not None
    restarted.process.kill()
    restarted.process.wait(timeout=10)

    restarted.start()

    assert httpx.get(f"{restarted.url}/healthz").status_code == 200
    assert restarted.stop(signal.SIGTERM) == 0
    assert restarted.processes() == []
