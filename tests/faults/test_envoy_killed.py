"""Envoy ends at once, as after a crash: the agent starts it again and says so."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from apis.models import ApiInstance, Route, RouteUpstream, Upstream
from console.models import User
from gateways.models import Replica
from tests.factories import make_api, make_role, make_user
from tests.gateways.agent_process import AgentProcess
from tests.gateways.link_process import LinkProcess
from tests.gateways.pushing import push
from tests.ports import free_port
from tests.traffic.upstream import echo
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.faults, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def agent(
    tmp_path: Path, live_server: LiveServer, link: LinkProcess, settings: object
) -> Iterator[AgentProcess]:
    settings.HEARTBEAT_SECONDS = 1  # type: ignore[attr-defined]
    agent = AgentProcess(tmp_path, live_server.url).register().start()
    try:
        yield agent
    finally:
        agent.end()


def test_killed_envoy_serves_again_and_the_console_knows(agent: AgentProcess, client: Client) -> None:
    with echo() as upstream:
        api = orders(agent, upstream.url)
        push(agent.gateway.pk)
        wait_until(lambda: is_served(api), 30)

        for times in (1, 2):
            killed = agent.envoy_pid
            os.kill(killed, signal.SIGKILL)

            wait_until(lambda killed=killed: agent.envoy_pid != killed, 30)
            wait_until(lambda: is_served(api), 30)
            wait_until(lambda times=times: restarts(agent) == times, 30)

    assert agent.log.count("envoy=died") == 2
    client.force_login(reader(agent))
    assert "died 2×, started again" in client.get(f"/gateways/{agent.gateway.pk}").content.decode()


def reader(agent: AgentProcess) -> User:
    user = make_user()
    make_role(user, agent.gateway.environment.organization)
    return user


def orders(agent: AgentProcess, upstream: str) -> ApiInstance:
    agent.gateway.generation += 1
    agent.gateway.save(update_fields=["generation"])
    api = make_api(agent.gateway, name="orders", base_path="/orders", port=free_port())
    target = Upstream.objects.create(api=api, uri=upstream)
    RouteUpstream.objects.create(route=Route.objects.create(api=api, position=0), upstream=target)
    return api


def is_served(api: ApiInstance) -> bool:
    try:
        answer = httpx.get(f"http://127.0.0.1:{api.port}/orders", trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def restarts(agent: AgentProcess) -> int:
    replica = Replica.objects.get(gateway=agent.gateway)
    return int(replica.envoy.get("restarts", 0))
