from pathlib import Path

import pytest

from gateways.agent.host.memory import allowed_bytes

MIB = 1024 * 1024


def group(root: Path, cgroup: str, limits: dict[str, str]) -> Path:
    """A machine's proc and sys, with this group and these files of limits."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(cgroup)
    for name, limit in limits.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(limit)
    return root


@pytest.mark.parametrize(
    ("cgroup", "limits"),
    [
        ("0::/\n", {"memory.max": f"{64 * MIB}\n"}),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": f"{64 * MIB}\n"}),
        ("0::/a\n", {"a/memory.max": f"{64 * MIB}\n", "memory.max": f"{80 * MIB}\n"}),
        ("5:cpu:/x\n4:memory:/a\n0::/\n", {"memory/a/memory.limit_in_bytes": f"{64 * MIB}\n"}),
        ("4:memory:/of/the/host\n", {"memory/memory.limit_in_bytes": f"{64 * MIB}\n"}),
    ],
)
def test_narrowest_limit_counts(tmp_path: Path, cgroup: str, limits: dict[str, str]) -> None:
    assert allowed_bytes(group(tmp_path, cgroup, limits)) == 64 * MIB


@pytest.mark.parametrize("limits", [{}, {"memory.max": "max\n"}, {"memory.max": str(1 << 62)}])
def test_without_a_limit_it_is_the_machines(tmp_path: Path, limits: dict[str, str]) -> None:
    assert allowed_bytes(group(tmp_path, "0::/\n", limits)) == allowed_bytes(tmp_path / "nothing")
