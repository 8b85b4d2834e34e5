"""What a real Envoy says about configurations that it refuses."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateways.agent.envoy.validate import Judge
from gateways.agent.host import state_folder
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy


def clusters(*given: dict[str, Any]) -> dict[str, Any]:
    return {"static_resources": {"clusters": list(given)}}


SOUND = clusters({"name": "a"})


@pytest.fixture(params=["started when asked", "standing by"])
def judge(tmp_path: Path, request: pytest.FixtureRequest) -> Judge:
    state_folder.prepare(tmp_path)
    judge = Judge(tmp_path)
    if request.param == "standing by":
        judge.stand_by()
    return judge


def envoys(folder: Path) -> list[int]:
    """The processes that judge for this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_one = (process / "cwd").readlink() == folder and b"validate" in (
                process / "cmdline"
            ).read_bytes()
        except OSError:
            continue
        found += [int(process.name)] * is_one
    return found


def test_sound_configuration_has_no_verdict(judge: Judge, tmp_path: Path) -> None:
    assert judge.verdict(SOUND) is None
    assert [path.name for path in tmp_path.rglob("*")] == ["envoy"]


def test_long_configuration_is_read_whole(judge: Judge) -> None:
    many = [{"name": f"cluster-{number}", "alt_stat_name": "x" * 100} for number in range(5000)]

    assert judge.verdict(clusters(*many)) is None
    assert "no such field" in (judge.verdict(clusters(*many, {"nome": "a"})) or "")


def test_verdict_names_the_field_and_keeps_secrets(judge: Judge) -> None:
    refused = clusters(
        {
            "name": "a",
            "alt_stat_name": "s3cret",
            "lb_subset_config": {},
            "outlier_detection": {"max_ejection_percent": 200},
        }
    )

    said = judge.verdict(refused)

    assert said == "MaxEjectionPercent: value must be less than or equal to 100"


def test_verdict_on_an_unknown_field_is_envoy_s_own(judge: Judge) -> None:
    said = judge.verdict(clusters({"nome": "a"}))

    assert said is not None
    assert "no such field: 'nome'" in said


def test_one_that_died_standing_by_is_replaced(tmp_path: Path) -> None:
    state_folder.prepare(tmp_path)
    judge = Judge(tmp_path)
    judge.stand_by()
    wait_until(lambda: bool(envoys(tmp_path)))

    os.kill(envoys(tmp_path)[0], signal.SIGKILL)

    assert judge.verdict(SOUND) is None
    assert "nome" in (judge.verdict(clusters({"nome": "a"})) or "")


def test_the_one_standing_by_ends_with_its_agent(tmp_path: Path) -> None:
    """Also when it has only just begun to start."""
    state_folder.prepare(tmp_path)
    lines = (
        "from pathlib import Path; from gateways.agent.envoy.validate import Judge; "
        f"j = Judge(Path('{tmp_path}'))"
    )
    agent = subprocess.Popen([sys.executable, "-c", f"{lines}; j.stand_by(); input()"], stdin=subprocess.PIPE)
    wait_until(lambda: bool(envoys(tmp_path)))

    agent.kill()
    agent.wait()

    wait_until(lambda: not envoys(tmp_path))
