"""What a rehearsal leaves behind, which is nothing, and what it reaches, which is nobody."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateways.agent.rehearsal import envoy
from gateways.agent.rehearsal.isolated import Leak, isolated
from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.agent.settings import Proxying
from gateways.agent.sources.files import load_text
from gateways.agent.translate.apis import translate
from gateways.agent.xds.compiler import Compiler
from gateways.protocol.rehearsal import Request
from tests.gateways.agent.rehearsal.test_verdicts import ORDERS
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where rehearsals make their folders; its name is longer than a socket's address may be."""
    made = tmp_path / ("long" * 40)
    made.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(made))
    return made


def test_nothing_is_left_of_a_rehearsal(place: Path) -> None:
    with Rehearsal(load_text(ORDERS).resources) as made:
        pid = made.pid
        (folder,) = place.iterdir()
        assert folder.stat().st_mode & 0o077 == 0
        assert not [
            file for file in folder.rglob("*") if file.is_file() and b"pass-of-ann" in file.read_bytes()
        ]
        made.ask(Request(target="/orders"))

    assert pid is not None
    assert not lives(pid)
    assert list(place.iterdir()) == []


def test_killed_process_takes_its_envoy_along_and_the_next_one_sweeps(place: Path) -> None:
    script = f"""
import sys, tempfile
tempfile.tempdir = {str(place)!r}
from gateways.agent.rehearsal.rehearsal import Rehearsal
from gateways.agent.sources.files import load_text
with Rehearsal(load_text({ORDERS!r}).resources) as made:
    print(made.pid, flush=True)
    sys.stdin.read()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert lives(pid)

        os.kill(parent.pid, signal.SIGKILL)

    wait_until(lambda: not lives(pid))
    assert len(list(place.iterdir())) == 1
    with envoy.folder() as made:
        assert list(place.iterdir()) == [made]


def test_rehearsals_side_by_side_leave_each_other_alone(place: Path) -> None:
    resources = load_text(ORDERS).resources
    with Rehearsal(resources) as one:
        with Rehearsal(resources) as other:
            assert one.pid != other.pid
            assert len(list(place.iterdir())) == 2
        assert one.ask(Request(target="/orders")).outcome == "refused"


def test_nothing_of_the_network_is_left_in_the_configuration(tmp_path: Path) -> None:
    gateway = translate(load_text(ORDERS).resources).gateway
    compiler = Compiler(tmp_path, gateway, Proxying())
    (api,) = (compiler.api(one) for one in gateway.apis)

    text = repr(isolated(compiler, [api]))

    assert "socket_address" not in text
    assert "STRICT_DNS" not in text


def test_address_that_would_be_left_is_refused(tmp_path: Path) -> None:
    gateway = translate(load_text(ORDERS).resources).gateway
    compiler = Compiler(tmp_path, gateway, Proxying())
    (api,) = (compiler.api(one) for one in gateway.apis)
    api.routes[0]["metadata"] = {"google_grpc": {"target_uri": "collector:4317"}}

    with pytest.raises(Leak):
        isolated(compiler, [api])
