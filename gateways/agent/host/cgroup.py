"""The limits of this process's control group and of those around it, in both layouts that Linux has."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


def limits(root: Path, controller: str, unified: str, legacy: str) -> Iterator[tuple[str, Path]]:
    """What the files of a limit hold, and the folder of each, from the inside out.

    `root` is where proc and sys are mounted; `unified` and `legacy` name the file in either layout.
    """
    for mounted, group, name in _groups(root, controller, unified, legacy):
        inside = mounted / group
        for folder in (inside, *inside.parents):
            # There may be no such group in this container's view.
            with contextlib.suppress(OSError):
                yield (folder / name).read_text().strip(), folder
            if folder == mounted:
                break


def _groups(root: Path, controller: str, unified: str, legacy: str) -> Iterator[tuple[Path, str, str]]:
    """(where the hierarchy is mounted, the group within, the name of the file with its limit)."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        for own, name in (("", unified), (controller, legacy)):
            if own in controllers.split(","):
                # Where several share a hierarchy it is mounted by all their names; each has a link.
                yield root / "sys/fs/cgroup" / own, path.lstrip("/"), name
