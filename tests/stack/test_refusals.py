"""What `manage.py up` says when it cannot start: one line, an exit code, nothing left behind."""

import os
import socket
from pathlib import Path

import pytest

from tests.running import Stack

pytestmark = pytest.mark.stack


def test_a_taken_port_is_named_with_the_variable_to_change(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        stack = Stack(tmp_path, port=other.getsockname()[1])
        code = stack.run()

    assert code == 1
    assert len(stack.lines) == 1
    assert f"error: Port {stack.port} is taken" in stack.lines[0]
    assert "GATEWRIGHT_CONSOLE_PORT=" in stack.lines[0]
    assert stack.processes() == []
    assert not (tmp_path / "servers").exists()


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    stack = Stack(tmp_path / "file" / "home")

    assert stack.run() == 1
    assert stack.lines == [
        f"error: GATEWRIGHT_HOME: {stack.home} cannot be written (Not a directory): "
        "set it to a folder that you may write."
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    stack = Stack(tmp_path)

    assert stack.run() == 1
    assert "cannot be written (Permission denied)" in stack.lines[0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("CONSOLE_PORT", "eight"),
        ("CONSOLE_PORT", "70000"),
        ("ECHO_PORT", "-1"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(
    tmp_path: Path, variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(tmp_path)
    environment = {**stack.environment, f"GATEWRIGHT_{variable}": value}
    monkeypatch.setattr(Stack, "environment", environment)

    assert stack.run() == 1
    assert len(stack.lines) == 1
    assert stack.lines[0].startswith(f"error: GATEWRIGHT_{variable}: ")
    assert value in stack.lines[0]
