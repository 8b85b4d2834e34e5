"""What pytest is told before it looks for tests.

A plugin, because the environment must stand before Django reads its settings, which pytest-django
does before any conftest.py is loaded. The tests of agent, protocol and policies run without Django too.
"""

import gc
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from gateways.agent.host import garbage

try:
    import django
except ImportError:
    django = None

garbage.collect_seldom()
HOME = Path(tempfile.mkdtemp(prefix="gatewright-tests-", dir="/tmp"))
os.environ["GATEWRIGHT_HOME"] = str(HOME)
os.environ["GATEWRIGHT_ALLOWED_HOSTS"] = "testserver"
"""The host of Django's test client; loopback is always allowed."""
os.environ["DJANGO_SETTINGS_MODULE"] = "console.settings"

pytest_plugins = [
    "tests.by_night",
    "tests.order",
    "tests.traffic.fixtures",
    *(["tests.fixtures"] if django else []),
]

AGENT = (
    "tests/gateways/agent",
    "tests/gateways/protocol",
    "tests/policies",
    "tests/traffic",
    "policies/catalog",
)
"""Where the tests of agent, protocol and policies are, which need neither Django nor a database."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run those of the night, marked `long`, too")
    parser.addoption("--agent", action="store_true", help="run the tests of agent, protocol, policies alone")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """None leaves the answer to others."""
    if not config.getoption("--agent"):
        return None
    wanted = [config.rootpath / folder for folder in AGENT]
    return None if any(_is_on_the_way(collection_path, one) for one in wanted) else True


def pytest_collection_finish() -> None:
    """What has been imported stays: no later collection looks through it."""
    gc.freeze()


def _is_on_the_way(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder) or folder.is_relative_to(path)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--long"):
        return
    left_out = [item for item in items if item.get_closest_marker("long")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)
