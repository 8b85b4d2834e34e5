"""Real servers for the tests: those of DATABASE_URL and REDIS_URL, else embedded ones.

A plugin, because the environment must stand before Django reads its settings, which pytest-django
does before any conftest.py is loaded.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HOME = Path(tempfile.mkdtemp(prefix="gatewright-tests-", dir="/tmp"))
os.environ["GATEWRIGHT_HOME"] = str(HOME)
os.environ["GATEWRIGHT_ALLOWED_HOSTS"] = "testserver"
"""The host of Django's test client; loopback is always allowed."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the tests marked `long`, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session", autouse=True)
def servers() -> Iterator[None]:
    """PostgreSQL and Valkey, for as long as the session runs."""
    from console.stack import servers

    HOME.chmod(0o711)
    (HOME / "static").mkdir(exist_ok=True)
    with servers.running(HOME, durable=False):
        yield


def pytest_unconfigure() -> None:
    shared = HOME / "servers"
    if shared.is_symlink():
        shutil.rmtree(shared.resolve(), ignore_errors=True)
    shutil.rmtree(HOME, ignore_errors=True)
