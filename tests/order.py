"""In which order the files of tests run, and which of them share a worker, where workers run side by side.

A worker takes file by file, so that what a module's tests share is started once. What takes long begins
first: begun last, all others would wait for it.
"""

from contextlib import suppress
from importlib import import_module
from typing import Any

import pytest

ON_ONE_STACK = (
    "tests/browser/test_walkthrough.py",
    "tests/browser/test_documents.py",
    "tests/browser/test_consumers.py",
    "tests/browser/test_copies.py",
    "tests/stack/test_bulk.py",
    "tests/browser/test_review.py",
    "tests/stack/test_front.py",
    "tests/stack/test_large_bodies.py",
    "tests/stack/test_trying.py",
    "tests/stack/test_up.py",
    "tests/stack/test_variables.py",
    "tests/faults/test_console_parts.py",
)
"""Those that use the fixture `stack`, which a worker starts once; the last breaks its parts."""
FIRST = (
    *ON_ONE_STACK,
    "tests/browser/test_accessibility_apis.py",
    "tests/stack/test_many_machines.py",
    "tests/browser/test_accessibility.py",
    "tests/stack/test_restart.py",
    "tests/front/test_requests.py",
    "tests/console/test_permissions.py",
    "tests/console/test_reach.py",
    "tests/gateways/test_connected.py",
    "tests/gateways/test_acme.py",
    "tests/gateways/agent/test_local.py",
    "tests/gateways/agent/test_apply.py",
    "tests/gateways/test_contracts.py",
    "tests/browser/test_forms.py",
    "tests/traffic/test_servers.py",
    "tests/faults/test_console_away.py",
    "tests/faults/test_configuration.py",
    "tests/policies/test_long_input.py",
    "tests/stack/test_wheel.py",
)
"""What takes more than ten seconds by day, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {file: place for place, file in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(file_of(item.nodeid), len(FIRST)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Each worker imports another part of the files first: what one has compiled the others only read."""
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.getoption("dist") != "loadfile":
        return
    root = session.config.rootpath
    folders = (root / folder for folder in session.config.getini("testpaths"))
    files = sorted(file for folder in folders for file in folder.rglob("test_*.py"))
    part = int(worker["workerid"].removeprefix("gw")) * len(files) // worker["workercount"]
    for file in files[part:] + files[:part]:
        with suppress(Exception, pytest.skip.Exception):  # pytest tells why, when it comes to it
            import_module(".".join(file.relative_to(root).with_suffix("").parts))


def file_of(nodeid: str) -> str:
    return nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, ours in its place."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = file_of(nodeid)
            return ON_ONE_STACK[0] if file in ON_ONE_STACK else file

    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False
    return ByFile(config, log)
