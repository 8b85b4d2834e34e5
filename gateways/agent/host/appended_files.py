"""Files that a program writes by appending: their lines, and what a full disk or a kill leaves of them."""

import contextlib
import os
import shutil
from pathlib import Path


def lines(path: Path, start: int, end: int) -> int:
    """How many lines end between these offsets."""
    found, left = 0, end - start
    with path.open("rb") as stream:
        stream.seek(start)
        while left > 0 and (block := stream.read(min(left, 1024 * 1024))):
            found += block.count(b"\n")
            left -= len(block)
    return found


def is_torn(path: Path) -> bool:
    """Whether the file ends within a line: one that was not wholly written."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def end_torn_line(path: Path) -> None:
    """The line that a killed Envoy was writing must not swallow the first one of the next."""
    with contextlib.suppress(OSError), path.open("rb+") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def cut_short(path: Path, most_bytes: int) -> None:
    """Begin a log anew that has grown so large; what it held is in `<name>.1`, unless the disk is full.

    For one that is written by appending: the writer goes on at the new beginning.
    """
    with contextlib.suppress(OSError):
        if path.stat().st_size <= most_bytes:
            return
        with contextlib.suppress(OSError):
            shutil.copy(path, path.with_name(f"{path.name}.1"))
        os.truncate(path, 0)
