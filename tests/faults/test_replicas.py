"""Two replicas of one gateway, each on a machine of its own, and one of them goes down."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from apis.deployment import status
from apis.models import ApiInstance
from gateways.models import Replica
from tests.factories import make_user
from tests.faults.site import Site
from tests.faults.wire import Wire
from tests.gateways.agent_process import AgentProcess
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.envoy]


@pytest.fixture
def second(site: Site, tmp_path: Path) -> Iterator[AgentProcess]:
    """Another replica of the site's gateway, not started yet."""
    tried = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"a second machine is a network namespace, which only root can make: {tried.stderr}")
    line = Wire(site.wire.port, tmp_path / "console.sock")
    shutil.copy(site.agent.folder / "registration.yaml", tmp_path)
    second = AgentProcess(tmp_path, site.wire.url)
    second.gateway = site.agent.gateway
    second.launcher = ["unshare", "--net", sys.executable, "-m", "tests.faults.machine"]
    second.launcher += [str(tmp_path / "console.sock"), str(site.wire.port)]
    try:
        yield second
    finally:
        second.end()
        line.cut()


def said(site: Site) -> tuple[str, str]:
    found = status.status_of(ApiInstance.objects.get(pk=site.api.pk))
    return found.state, found.words


def is_active_on(site: Site, replicas: int) -> bool:
    runs = status.statuses(ApiInstance.objects.get(pk=site.api.pk))
    return said(site)[0] == "Active" and len(runs) == replicas


def test_with_one_of_two_replicas_down_the_api_is_not_active(site: Site, second: AgentProcess) -> None:
    second.start("--name", "box-2", is_awaited=False)
    wait_until(lambda: is_active_on(site, 2), 40)

    with site.load() as load:
        envoy = second.envoy_pid
        second.stop(signal.SIGKILL)
        os.kill(envoy, signal.SIGKILL)
        wait_until(lambda: said(site)[0] != "Active", 20)
        down, page = said(site), page_of(site)
        second.start("--name", "box-2", is_awaited=False)
        wait_until(lambda: is_active_on(site, 2), 40)
        load.answer(10)

    assert down == ("Partly applied", "Applied on 1 of 2 replicas; box-2 is silent")
    assert "Applied on 1 of 2 replicas; box-2 is silent" in page
    assert load.failed == {}
    site.check_account()
    assert Replica.objects.filter(gateway=site.gateway).count() == 2
    second.stop()
    assert is_active_on(site, 1)


def page_of(site: Site) -> str:
    client = Client()
    client.force_login(make_user(is_superuser=True))
    return client.get(f"/apis/{site.api.pk}").content.decode()
