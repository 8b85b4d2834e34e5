import os
from pathlib import Path

import pytest

from gateways.agent import cli
from gateways.agent.host.processors import allowed
from tests.gateways.agent.host.test_memory import group

HERE = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("cgroup", "files", "processors"),
    [
        ("0::/\n", {"cpu.max": "100000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 1),
        ("0::/a\n", {"a/cpu.max": "max 100000\n", "cpu.max": "150000 100000\n"}, 1),
        ("4:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "100000", "cpu/a/cpu.cfs_period_us": "100000"}, 1),
        ("0::/\n", {"cpu.max": "max 100000\n"}, HERE),
        ("0::/\n", {"cpu.max": f"{HERE * 100000 + 50000} 100000\n"}, HERE),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, HERE),
        ("0::/\n", {"cpu.max": "nonsense\n"}, HERE),
        ("", {}, HERE),
    ],
)
def test_quota_and_affinity_count(
    tmp_path: Path, cgroup: str, files: dict[str, str], processors: int
) -> None:
    assert allowed(group(tmp_path, cgroup, files)) == processors


def test_affinity_counts(tmp_path: Path) -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert allowed(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, before)


def test_gateway_has_a_thread_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])

    assert f"what this process may use: {allowed()})" in " ".join(capsys.readouterr().out.split())
