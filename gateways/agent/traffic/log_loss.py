"""How many lines of the access log the disk did not take.

Envoy counts the lines it logs and the writes that fail, but not the lines in those; what it logged and
is in no file is lost. The figure never says too much, and is exact as soon as traffic pauses.
"""

import re
from collections.abc import Callable, Mapping

from gateways.agent.host.appended_files import is_torn, lines
from gateways.agent.traffic.log_files import LogFiles

STATS = r"^filesystem\.write_(buffered|failed)$"
WAITING = "filesystem.write_total_buffered"
MOST_WAITS = 5


class LostLines:
    """`total` is since the first look. For one thread.

    `stats` asks Envoy; `flushed` waits as long as writing usually takes.
    """

    def __init__(
        self,
        files: LogFiles,
        stats: Callable[[str], Mapping[str, int | str]],
        flushed: Callable[[], object],
    ) -> None:
        self._files = files
        self._stats = stats
        self._flushed = flushed
        self._counted: dict[int, int] = {file.id: file.path.stat().st_size for file in files.files()}
        self._ended = {file.id for file in files.files() if file.is_finished}
        self._written = 0
        self._logged = 0
        self._sound: int | None = None
        self._failures = 0
        self._before = self._lost = 0

    @property
    def total(self) -> int:
        return self._before + self._lost

    def look(self) -> None:
        """Compare. Raises AdminUnreachable."""
        found = self._stats(STATS)
        logged, failures = (int(found[f"filesystem.write_{name}"]) for name in ("buffered", "failed"))
        self._wait_until_written()
        self.count()
        if logged < self._logged:
            self._before, self._lost, self._sound = self.total, 0, None
        self._logged = logged
        gap = logged - self._written
        if self._sound is None:
            self._sound, self._failures = gap, failures
        elif failures == self._failures:
            self._sound = max(self._sound, gap)
        else:
            self._lost = max(self._lost, gap - self._sound)

    def _wait_until_written(self) -> None:
        """What Envoy holds back is not lost; on a busy machine its thread that writes may be late."""
        for _ in range(MOST_WAITS):
            self._flushed()
            if not self._stats(f"^{re.escape(WAITING)}$").get(WAITING):
                return

    def count(self) -> None:
        """Take in what came into the files; do so before one is deleted."""
        before, self._counted = self._counted, {}
        files = self._files.files()
        for file in files:
            start, size = before.get(file.id, 0), file.path.stat().st_size
            self._written += lines(file.path, start, size)
            self._counted[file.id] = size
        ended = {file.id: file.path for file in files if file.is_finished}
        self._written += sum(is_torn(path) for id_, path in ended.items() if id_ not in self._ended)
        self._ended = set(ended)
