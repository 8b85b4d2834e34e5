"""What script/install says of a place where nothing can be installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import PROJECT

SOURCED = "set -euo pipefail; cd {folder}; source script/install; {command}"


def run(command: str, venv: Path | None = None, *, folder: Path = PROJECT, user: str | None = None) -> str:
    """What a script that sources it prints, and `failed` when it ends with another code than 0."""
    done = subprocess.run(
        ["bash", "-c", SOURCED.format(folder=f"'{folder}'", command=command)],
        env={"PATH": os.environ["PATH"], **({"GATEWRIGHT_VENV": str(venv)} if venv else {})},
        capture_output=True,
        text=True,
        check=False,
        user=user,
        extra_groups=[] if user else None,
    )
    return done.stdout + done.stderr + ("failed" if done.returncode else "")


def test_a_virtual_environment_that_was_moved_is_made_anew(tmp_path: Path) -> None:
    made, moved = tmp_path / "a space", tmp_path / "moved"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made], check=True)

    assert run("venv_works && echo works", made) == "works\n"
    made.rename(moved)
    assert run("venv_works || echo broken", moved) == "broken\n"


def test_its_place_has_to_be_absolute() -> None:
    assert "GATEWRIGHT_VENV: here is not an absolute path" in run("true", Path("here"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start programs as somebody else")
def test_a_checkout_that_cannot_be_written_says_what_to_set(tmp_path: Path) -> None:
    checkout = Path("/tmp", f"gatewright-install-{os.getpid()}")
    (checkout / "script").mkdir(parents=True)
    try:
        shutil.copy(PROJECT / "script" / "install", checkout / "script")
        told = run("find_python() { echo /usr/bin/python3; }; make_venv", folder=checkout, user="nobody")
    finally:
        shutil.rmtree(checkout)

    assert f"error: {checkout} cannot be written. Set GATEWRIGHT_VENV" in told
