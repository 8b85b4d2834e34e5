"""Fixtures of all tests that need Django: real servers, which are those of DATABASE_URL and REDIS_URL, else
embedded ones; the whole of Gatewright; a process that holds agents' streams.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.servers.basehttp import WSGIRequestHandler
from pytest_django.live_server_helper import LiveServer

from tests import emptying, locking
from tests.gateways import link_process
from tests.gateways.link_process import LinkProcess
from tests.order import ON_ONE_STACK, file_of
from tests.plugin import AGENT, HOME
from tests.running import Stack

if TYPE_CHECKING:
    from tests.gateways.agent_process import AgentProcess

emptying.install()
locking.install()
WSGIRequestHandler.disable_nagle_algorithm = True
"""Each answer of a live server would else wait 40 ms for the acknowledgement of its headers."""


def pytest_configure(config: pytest.Config) -> None:
    from django.conf import settings

    # Each test's client loads the middleware anew, which would list all static files each time.
    settings.WHITENOISE_AUTOREFRESH = True
    # On a machine that all workers keep busy, a new connection may take longer than users should wait.
    settings.DATABASES["default"]["OPTIONS"]["connect_timeout"] = 30
    config.addinivalue_line("filterwarnings", "error::django.utils.deprecation.RemovedInDjango60Warning")


@pytest.fixture(scope="session", autouse=True)
def servers(request: pytest.FixtureRequest) -> Iterator[None]:
    """PostgreSQL and Valkey, for as long as the session runs, where any of its tests may need them."""
    from console.stack import servers

    if all(item.nodeid.startswith(AGENT) for item in request.session.items):
        yield
        return
    HOME.chmod(0o711)
    (HOME / "static").mkdir(exist_ok=True)
    with servers.running(HOME, durable=False):
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure() -> None:
    shared = HOME / "servers"
    if shared.is_symlink():
        shutil.rmtree(shared.resolve(), ignore_errors=True)


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    """Half a second less for each user that a test makes."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


class SharedStack:
    """The one stack, while files that use it follow on each other: idle, it would go on costing time."""

    running: Stack | None = None
    next: pytest.Item | None = None
    """The test after the one that ends."""

    def start(self) -> Stack:
        if not self.running:
            home = Path(tempfile.mkdtemp(prefix="gatewright-stack-", dir="/tmp"))
            home.chmod(0o711)
            self.running = Stack(home)
            try:
                self.running.start()
            except BaseException:
                self.stop()
                raise
        return self.running

    def stop(self) -> None:
        if self.running and self.running.process:
            self.running.stop()
        if self.running:
            shutil.rmtree(self.running.home, ignore_errors=True)
        self.running = None


shared_stack = SharedStack()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    shared_stack.next = nextitem


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """The whole embedded stack, running, with an empty console; shared, so use names of your own."""
    try:
        yield shared_stack.start()
    finally:
        if not shared_stack.next or file_of(shared_stack.next.nodeid) not in ON_ONE_STACK:
            shared_stack.stop()


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


@pytest.fixture
def agent(
    tmp_path: Path, live_server: LiveServer, link: LinkProcess, settings: Any
) -> Iterator["AgentProcess"]:
    """A gateway that is registered with the test's console, and not started yet."""
    from tests.gateways.agent_process import AgentProcess  # not earlier: it needs Django's models

    settings.HEARTBEAT_SECONDS = 1
    agent = AgentProcess(tmp_path, live_server.url).register()
    try:
        yield agent
    finally:
        agent.end()
