"""Requests through a real gateway process arrive in the console's figures, each once, whatever dies."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from analytics import queries
from apis.changes.policies import apply_policy
from apis.models import ApiInstance
from gateways.models import Gateway, Replica
from tests.factories import make_actor
from tests.gateways.agent_process import AgentProcess
from tests.gateways.link_process import LinkProcess
from tests.gateways.pushing import push
from tests.gateways.test_connected import add_api, answers
from tests.traffic.upstream import echo
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def agent(tmp_path: Path, live_server: LiveServer, link: LinkProcess) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path, live_server.url).register()
    try:
        yield agent.start()
    finally:
        agent.end()


@pytest.fixture
def api(agent: AgentProcess) -> Iterator[ApiInstance]:
    """Deployed, and called once."""
    with echo() as upstream:
        api = add_api(agent.gateway, upstream)
        push(agent.gateway.pk)
        wait_until(lambda: answers(api))
        yield api


def send(api: ApiInstance, times: int) -> None:
    with httpx.Client(trust_env=False) as client:
        for number in range(times):
            client.get(f"http://127.0.0.1:{api.port}/orders/{1000 + number}")


def fine(api: ApiInstance) -> int:
    return queries.summary(api.pk, 60).classes["2xx"]


def test_each_request_is_counted_once_though_the_agent_is_killed(
    agent: AgentProcess, api: ApiInstance
) -> None:
    wait_until(lambda: fine(api) == 1, 20)

    send(api, 20)
    agent.stop(signal.SIGKILL)
    send(api, 30)
    agent.start()
    send(api, 10)
    wait_until(lambda: fine(api) >= 61, 30)
    agent.stop()

    assert fine(api) == 61


def test_what_a_policy_refuses_is_a_violation(agent: AgentProcess, api: ApiInstance) -> None:
    apply_policy(make_actor(), api, "ip-blocklist", {"ips": ["127.0.0.0/8"]})
    wanted = Gateway.objects.get(pk=agent.gateway.pk).generation
    push(agent.gateway.pk)
    wait_until(lambda: Replica.objects.get().generation == wanted, 20)

    send(api, 3)
    wait_until(lambda: queries.summary(api.pk, 60).violations >= 3, 20)

    figures = queries.summary(api.pk, 60)
    assert (figures.violations, figures.classes["4xx"], figures.classes["2xx"]) == (3, 3, 1)
