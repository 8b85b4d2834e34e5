"""One process at a time holds a file, and who holds it can be read."""

import os
from pathlib import Path

import pytest

from gateways.agent.host.pid_file import Held, held


def test_a_file_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "one.pid"
    path.write_text("a longer text than any id")

    with held(path), pytest.raises(Held, match=f"^{os.getpid()}$"), held(path):
        pass

    with held(path):
        assert path.read_text() == str(os.getpid())


def test_a_holder_that_wrote_no_id_is_told_as_unknown(tmp_path: Path) -> None:
    path = tmp_path / "one.pid"

    with held(path):
        path.write_text("")
        with pytest.raises(Held, match=r"^\?$"), held(path):
            pass
