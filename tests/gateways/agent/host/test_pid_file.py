"""One process at a time holds a file, and who holds it can be read."""

import os
from pathlib import Path

import pytest

from gateways.agent.host.pid_file import InUse, hold


def test_a_file_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "one.pid"
    path.write_text("a longer text than any id")

    with hold(path), pytest.raises(InUse, match=f"^{os.getpid()}$"), hold(path):
        pass

    with hold(path):
        assert path.read_text() == str(os.getpid())


def test_a_holder_that_wrote_no_id_is_told_as_unknown(tmp_path: Path) -> None:
    path = tmp_path / "one.pid"

    with hold(path):
        path.write_text("")
        with pytest.raises(InUse, match=r"^\?$"), hold(path):
            pass
