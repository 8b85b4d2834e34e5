"""Fixtures that several packages' tests use."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import emptying
from tests.gateways import link_process
from tests.gateways.link_process import LinkProcess
from tests.running import Stack

emptying.install()


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


@pytest.fixture(scope="session")
def shared_link(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LinkProcess]:
    """A process that holds agents' streams, for all tests that do it no harm."""
    with link_process.running(tmp_path_factory.mktemp("link")) as process:
        yield process


@pytest.fixture
def link(shared_link: LinkProcess, settings: Any) -> LinkProcess:
    """Where the test's console sends its agents for streams."""
    settings.LINK_URL = shared_link.url
    return shared_link
