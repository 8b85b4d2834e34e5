"""A replica that its console does not trust is told why, goes on serving, and is trusted again by itself."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from apis.models import ApiInstance
from gateways.models import Gateway
from tests.faults.site import Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.envoy]


@contextmanager
def revoked(site: Site) -> Iterator[str]:
    Gateway.objects.update(is_revoked=True)
    yield "was revoked in the console; register it anew"
    Gateway.objects.update(is_revoked=False)


@contextmanager
def clock_off(site: Site) -> Iterator[str]:
    site.agent.stop(signal.SIGKILL)
    site.agent.launcher = [sys.executable, "-m", "tests.faults.clock", "600"]
    site.agent.start(is_awaited=False)
    yield "10 min ahead of the receiver's; set both by NTP"
    site.agent.stop(signal.SIGKILL)
    site.agent.launcher = []
    site.agent.start(is_awaited=False)


@pytest.mark.parametrize("fault", [revoked, clock_off])
def test_replica_that_is_refused_serves_on_changes_nothing_and_heals(
    site: Site, fault: Callable[[Site], AbstractContextManager[str]]
) -> None:
    site.wait_until_heard()
    told = len(site.agent.log)

    with site.load() as load:
        with fault(site) as why:
            wait_until(lambda: why in site.agent.log[told:], 30)
            api = change(site)
            wait_until(lambda: site.gateway.status == Gateway.Status.DISCONNECTED, 20)
            load.answer(20)
            states = site.state_of(site.api), site.state_of(api)
        wait_until(lambda: site.is_applied(api), 40)
        load.answer(20)

    assert states == ("", "")
    assert load.failed == {}
    site.check_account()


def change(site: Site) -> ApiInstance:
    """Saved, and pushed to nobody."""
    api = site.add_api(f"api-{site.gateway.generation}")
    site.change(api)
    return api
