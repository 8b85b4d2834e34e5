"""Fixtures that several packages' tests use."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import Stack


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    """Half a second less for each user that a test makes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The whole embedded stack, running, with an empty console; shared, so use names of your own."""
    home = Path(tempfile.mkdtemp(prefix="gatewright-stack-", dir="/tmp"))
    home.chmod(0o711)
    stack = Stack(home)
    try:
        stack.start()
        yield stack
    finally:
        if stack.process:
            stack.stop()
        shutil.rmtree(home, ignore_errors=True)
