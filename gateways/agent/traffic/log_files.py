"""The access log's files: which there are, their rotation, and their bounded place on disk.

Envoy writes `access.log`. Rotating renames it to `access.log.ID` and has Envoy open it anew; until it
did, the renamed file still grows. Ids only grow: `access.id` holds the id that `access.log` will have.
"""

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gateways.agent.host.state_folder import write_bytes

FILE_BYTES = 64 * 1024 * 1024
TOTAL_BYTES = 512 * 1024 * 1024

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogFile:
    """`is_finished`: Envoy writes no more to it."""

    id: int
    path: Path
    is_finished: bool


class LogFiles:
    """The access log in one folder. For one thread."""

    def __init__(
        self,
        folder: Path,
        reopen: Callable[[], object],
        *,
        file_bytes: int = FILE_BYTES,
        total_bytes: int = TOTAL_BYTES,
    ) -> None:
        """`reopen` tells Envoy to open its log anew. A failure is logged, and told again later."""
        self._active = folder / "access.log"
        self._id_path = folder / "access.id"
        self._reopen = reopen
        self._file_bytes = file_bytes
        self._total_bytes = total_bytes

    def files(self) -> list[LogFile]:
        """Oldest first. Whether one is finished was true before its size is read, not just after."""
        is_reopened = self._active.exists()
        rotated = self._rotated()
        last = rotated[-1] if rotated else None
        files = [LogFile(id_, self._path(id_), id_ != last or is_reopened) for id_ in rotated]
        return [*files, LogFile(self._active_id(), self._active, False)] if is_reopened else files

    def rotate(self) -> None:
        """Rotate when the file is large enough; tell Envoy again when it did not open a new one."""
        if self._active.exists():
            if self._active.stat().st_size < min(self._file_bytes, self._allowed() // 8):
                return
            self.cut()
        elif not self._rotated():
            return
        try:
            self._reopen()
        except Exception as error:  # any failure of Envoy's admin interface is one to try again
            log.warning("log=access reopened=false reason=%r", str(error))

    def cut(self) -> None:
        """End the active file: what Envoy writes from its next opening on belongs to a new id."""
        id_ = self._active_id()
        self._active.rename(self._path(id_))
        self._active_id()

    def renumber(self) -> None:
        """Give the active file a new id: it no longer holds what it held."""
        self._write_id(self._active_id() + 1)

    def oldest_over_limit(self) -> LogFile | None:
        """The oldest file, when all together are over the limit; None when only the newest is left."""
        files = self.files()
        if len(files) < 2 or self._size() <= self._allowed():
            return None
        return files[0]

    def _allowed(self) -> int:
        """Half of what the disk has for us, at most: the log alone does not fill a small disk."""
        free = shutil.disk_usage(self._active.parent).free
        return min(self._total_bytes, (free + self._size()) // 2)

    def _size(self) -> int:
        return sum(path.stat().st_size for path in self._active.parent.glob("access.log*"))

    def _active_id(self) -> int:
        """The larger of what was noted and what follows the last rotated: a crash between leaves both right.

        A new folder starts from the clock, so that no id comes back when the folder is emptied.
        """
        rotated = self._rotated()
        noted = self._noted_id()
        id_ = max(noted, rotated[-1] + 1 if rotated else 0) or int(time.time())
        if id_ != noted:
            try:
                self._write_id(id_)
            except OSError as error:  # a full disk; the files' names still tell it
                log.warning("log=access noted=false reason=%r", str(error))
        return id_

    def _noted_id(self) -> int:
        try:
            return int(self._id_path.read_bytes())
        except FileNotFoundError:
            return 0
        except ValueError:
            log.warning(
                "file=%s damaged=true reason='lines of access.log may be counted twice'", self._id_path
            )
            return 0

    def drop(self, file: LogFile) -> None:
        """Delete a finished file. Emptied first: on a full disk there is room then to note the next id."""
        os.truncate(file.path, 0)
        self._active_id()
        file.path.unlink()

    def _rotated(self) -> list[int]:
        names = (path.name.rpartition(".")[2] for path in self._active.parent.glob("access.log.*"))
        return sorted(int(name) for name in names if name.isdigit())

    def _path(self, id_: int) -> Path:
        return self._active.with_name(f"access.log.{id_}")

    def _write_id(self, id_: int) -> None:
        write_bytes(self._id_path, str(id_).encode())
