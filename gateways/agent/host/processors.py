"""How many processors this process may use: those it may run on, and what its control group lets it have."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gateways.agent.host import cgroup


def allowed(root: Path = Path("/")) -> int:
    """At least 1. `root` is where proc and sys are mounted.

    A fraction of a processor is left out: a thread that is stopped for most of each
    tenth of a second makes its callers wait.
    """
    return max(1, int(min([len(os.sched_getaffinity(0)), *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """The quotas of the control groups, in processors."""
    for text, folder in cgroup.limits(root, "cpu", "cpu.max", "cpu.cfs_quota_us"):
        # "max 100000", or -1, is no quota.
        with contextlib.suppress(OSError, ValueError):
            quota, _, period = text.partition(" ")
            used, each = int(quota), int(period or (folder / "cpu.cfs_period_us").read_text())
            if used > 0 and each > 0:
                yield used / each
