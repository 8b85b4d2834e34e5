"""How much memory this process may use: its control group's limit, else the machine's memory."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_UNIFIED = ("", "memory.max")
_LEGACY = ("memory", "memory.limit_in_bytes")


def allowed_bytes(root: Path = Path("/")) -> int:
    """`root` is where proc and sys are mounted."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    """The limits of the control group and of those around it, in both layouts that Linux has."""
    for mounted, group, name in _groups(root):
        inside = mounted / group
        for folder in (inside, *inside.parents):
            # There may be no such group in this container's view, or no limit in it: "max".
            with contextlib.suppress(OSError, ValueError):
                yield int((folder / name).read_text())
            if folder == mounted:
                break


def _groups(root: Path) -> Iterator[tuple[Path, str, str]]:
    """(where the hierarchy is mounted, the group within, the name of the file with its limit)."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for controller, name in (_UNIFIED, _LEGACY):
            if controller in controllers.split(","):
                yield root / "sys/fs/cgroup" / controller, path.lstrip("/"), name
