"""`gatewright run --local DIR`, as a process of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from gateways.agent.envoy.process import Envoy
from gateways.agent.host.state_folder import replica_id
from gateways.agent.local import IDLE_SECONDS
from tests.ports import free_port
from tests.traffic.upstream import echo
from tests.waiting import wait_until as wait_until_within

pytestmark = pytest.mark.envoy

wait_until = partial(wait_until_within, seconds=60)

API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: NAME}
spec:
  address: http://127.0.0.1:PORT/NAME
  services: {backend: {address: "UPSTREAM"}}
"""


class Local:
    """The process, its folder, and what it printed."""

    def __init__(self, tmp_path: Path, upstream: str) -> None:
        self.folder = tmp_path / "conf.d"
        self.folder.mkdir()
        self.state = tmp_path / "state"
        self.printed = tmp_path / "printed"
        self.port = free_port()
        self._upstream = upstream
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).parent / "gatewright"), "run", "--concurrency", "1"]
        command += ["--local", str(self.folder), "--state", str(self.state)]
        environment = {**os.environ, "FLEX_SERVICE_ENVOY_DRAIN_TIME": "1"}
        with self.printed.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        return self.process

    def write(self, name: str, text: str = API) -> None:
        filled = text.replace("NAME", name).replace("PORT", str(self.port))
        (self.folder / f"{name}.yaml").write_text(filled.replace("UPSTREAM", self._upstream))

    def status(self, path: str) -> int:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}{path}").status_code
        except httpx.TransportError:
            return 0

    def says(self, text: str) -> bool:
        return text in self.printed.read_text()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    with echo() as upstream:
        made = Local(tmp_path, upstream.url)
        yield made
        if made.process and made.process.poll() is None:
            made.process.terminate()
            made.process.wait(20)


def test_changes_of_the_folder_come_into_force(local: Local) -> None:
    local.write("a")
    local.start()
    wait_until(lambda: local.status("/a") == 200)

    local.write("b")
    wait_until(lambda: local.status("/b") == 200)
    (local.folder / "a.yaml").unlink()
    wait_until(lambda: local.status("/a") == 404)

    assert local.says("default/b: applied")


def test_change_that_no_event_tells_is_found(local: Local, tmp_path: Path) -> None:
    local.write("a")
    (elsewhere,) = (path.rename(tmp_path / "mounted") for path in local.folder.iterdir())
    (local.folder / "a.yaml").symlink_to(elsewhere)
    local.start()
    wait_until(lambda: local.status("/a") == 200)

    elsewhere.write_text(elsewhere.read_text().replace("/a", "/moved"))

    wait_until(lambda: local.status("/moved") == 200)


def test_changes_of_folders_in_the_folder_come_into_force(local: Local) -> None:
    local.write("a")
    local.start()
    wait_until(lambda: local.status("/a") == 200)

    (local.folder / "custom").mkdir()
    local.write("custom/b", API.replace("NAME", "b"))
    wait_until(lambda: local.status("/b") == 200)
    (local.folder / "custom/b.yaml").unlink()
    wait_until(lambda: local.status("/b") == 404)

    assert local.status("/a") == 200


def test_broken_file_keeps_the_last_good_configuration(local: Local) -> None:
    local.write("a")
    local.start()
    wait_until(lambda: local.status("/a") == 200)

    local.write("b", "kind: [")
    wait_until(lambda: local.says("b.yaml:1: the YAML is broken"))
    assert local.status("/a") == 200

    local.write("b")
    wait_until(lambda: local.status("/b") == 200)


def test_broken_document_holds_back_its_own_api_alone(local: Local) -> None:
    local.write("a")
    local.write("b")
    local.start()
    wait_until(lambda: local.status("/a") == local.status("/b") == 200)

    local.write("b", API + "  nonsense: 1\n")
    local.write("c")
    (local.folder / "a.yaml").unlink()

    wait_until(lambda: local.status("/c") == 200 and local.status("/a") == 404)
    assert local.status("/b") == 200
    assert local.says("default/b: refused, generation")
    assert local.says("b.yaml:8: ApiInstance b: spec.nonsense: there is no such field")


def test_what_is_refused_is_said_once(local: Local) -> None:
    local.write("a")
    local.write("b", API + "  policies: [{policyRef: {name: nope}}]\n")
    local.start()
    wait_until(lambda: local.says("refused=1"))

    time.sleep(2.5 * IDLE_SECONDS)
    told = local.printed.read_text().count("refused=1")
    local.write("b", API + "  policies: [{policyRef: {name: nothing}}]\n")
    wait_until(lambda: local.printed.read_text().count("refused=1") > told)

    assert told == 1


def test_what_is_wrong_with_a_file_is_not_said_of_its_neighbours(local: Local) -> None:
    def times() -> int:
        lines = local.printed.read_text().splitlines()
        return len([one for one in lines if one.startswith(f"{local.folder}/b.yaml:")])

    local.write("a")
    local.write("b", API + "  nonsense: 1\n")
    local.start()
    wait_until(lambda: local.status("/a") == 200)

    local.write("c")
    wait_until(lambda: local.status("/c") == 200)
    assert times() == 1
    local.write("b", API + "  nonsense: 2\n")
    wait_until(lambda: times() == 2)
    local.write("b")
    wait_until(lambda: local.status("/b") == 200)

    assert local.says("nothing is wrong with the files any more")


def test_refused_api_is_told_and_its_neighbour_serves(local: Local) -> None:
    local.write("a")
    local.write("b", API + "  policies: [{policyRef: {name: nope}}]\n")

    local.start()

    wait_until(lambda: local.status("/a") == 200)
    wait_until(lambda: local.says("default/b: refused, is not served: "))
    assert local.says('b.yaml:8: ApiInstance b: spec.policies[0].policyRef.name: "nope" is not a policy')


def test_killed_agent_leaves_envoy_serving_and_adopts_it(local: Local) -> None:
    local.write("a")
    first = local.start()
    wait_until(lambda: local.status("/a") == 200)
    envoy = Envoy(local.state, replica_id(local.state))
    pid = envoy.pid

    first.send_signal(signal.SIGKILL)
    first.wait(10)
    assert local.status("/a") == 200
    local.write("b")
    local.start()
    wait_until(lambda: local.status("/b") == 200, seconds=60)

    assert pid is not None
    assert envoy.pid == pid


def test_sigterm_ends_envoy_too(local: Local) -> None:
    local.write("a")
    process = local.start()
    wait_until(lambda: local.status("/a") == 200)

    process.terminate()

    assert process.wait(20) == 0
    assert local.status("/a") == 0
    assert not (local.state / "envoy.pid").exists()


def test_second_agent_on_a_state_folder_is_turned_away(local: Local) -> None:
    local.write("a")
    first = local.start()
    wait_until(lambda: local.status("/a") == 200)

    second = local.start()

    assert second.wait(20) == 1
    assert local.says(f"is in use by the gateway with process id {first.pid}; stop it")
    first.terminate()
    first.wait(20)
