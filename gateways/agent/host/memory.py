"""How much memory this process may use: its control group's limit, else the machine's memory."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gateways.agent.host import cgroup


def allowed_bytes(root: Path = Path("/")) -> int:
    """`root` is where proc and sys are mounted."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    for text, _ in cgroup.limits(root, "memory", "memory.max", "memory.limit_in_bytes"):
        # There may be no limit: "max".
        with contextlib.suppress(ValueError):
            yield int(text)
