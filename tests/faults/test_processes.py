"""Processes are killed and stopped under steady traffic; afterwards every request is accounted for."""

import os
import signal

import pytest

from gateways.models import Gateway
from tests.faults.site import Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.envoy]


def test_killed_agent_costs_no_request(site: Site) -> None:
    envoy = site.agent.envoy_pid

    with site.load() as load:
        load.answer(30)
        site.agent.stop(signal.SIGKILL)
        load.answer(50)
        site.agent.start()
        wait_until(lambda: f"envoy=adopted pid={envoy}" in site.agent.log, 30)
        load.answer(30)

    assert load.failed == {}
    assert site.agent.envoy_pid == envoy
    site.check_account()


def test_stopped_agent_costs_no_request(site: Site) -> None:
    with site.load() as load:
        load.answer(30)
        site.agent.send(signal.SIGSTOP)
        try:
            wait_until(lambda: site.gateway.status == Gateway.Status.DISCONNECTED, 20)
            load.answer(20)
        finally:
            site.agent.send(signal.SIGCONT)
        wait_until(site.agent.is_connected, 20)
        load.answer(20)

    assert load.failed == {}
    site.check_account()


def test_agent_that_is_asked_to_end_cuts_no_request_and_ships_its_counts(site: Site) -> None:
    with site.load() as load:
        load.answer(30)
        site.agent.send(signal.SIGTERM)
        wait_until(lambda: "draining_seconds=" in site.agent.log, 20)
        load.answer(50)
    code = site.agent.wait()

    assert code == 0
    assert load.failed == {}
    assert site.gateway.status == Gateway.Status.DISCONNECTED
    assert site.counted() == site.answered
    site.check_upstream()
    site.agent.start()
    wait_until(lambda: site.is_serving, 20)


def test_killed_envoy_costs_what_failed_in_the_gap(site: Site) -> None:
    """Envoy writes its log every 10 ms: what it answered in the last of them may go uncounted with it."""
    before = site.answered - site.counted()
    killed = site.agent.envoy_pid

    with site.load() as load:
        load.answer(50)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: site.agent.envoy_pid not in (0, killed))
        load.answer(50)

    assert before == 0
    assert "envoy=died" in site.agent.log
    wait_until(lambda: site.replica.envoy["restarts"] == 1)
    site.wait_until_shipped()
    assert site.answered - LAST_LINES <= site.counted() <= site.answered + site.failed
    site.check_upstream()


LAST_LINES = 4
"""One for each connection of the load: none of them is answered twice in 10 ms."""
