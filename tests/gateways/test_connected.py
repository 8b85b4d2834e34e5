"""A real gateway process against a real console: pushed to, pulling, killed, stopped, alone."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pytest_django.live_server_helper import LiveServer

from apis import deploy, snapshot
from apis.models import ApiInstance, Route, RouteUpstream, Upstream
from gateways import console_key
from gateways.models import Ack, Gateway, Replica, ResourceStatus
from tests.factories import make_api
from tests.gateways.agent_process import AgentProcess, run
from tests.traffic.gateway import free_port, wait_until
from tests.traffic.upstream import EchoServer, echo

pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def agent(tmp_path: Path, live_server: LiveServer, settings: object) -> Iterator[AgentProcess]:
    settings.HEARTBEAT_SECONDS = 1  # type: ignore[attr-defined]
    agent = AgentProcess(tmp_path, live_server.url).register()
    try:
        yield agent
    finally:
        agent.end()


@pytest.fixture
def upstream() -> Iterator[EchoServer]:
    with echo() as server:
        yield server


def add_api(gateway: Gateway, upstream: EchoServer, port: int = 0) -> ApiInstance:
    api = make_api(gateway, name="orders", base_path="/orders", port=port or free_port())
    target = Upstream.objects.create(api=api, uri=upstream.url)
    RouteUpstream.objects.create(route=Route.objects.create(api=api, position=0), upstream=target)
    Gateway.objects.filter(pk=gateway.pk).update(generation=gateway.generation + 1)
    gateway.refresh_from_db()
    return api


def answers(api: ApiInstance) -> bool:
    try:
        address = f"http://127.0.0.1:{api.port}/orders/1"
        return httpx.get(address, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def state_of(api: ApiInstance) -> str:
    status = ResourceStatus.objects.filter(name=api.resource_name).first()
    return status.state if status else ""


def test_push_is_in_force_and_acknowledged(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    api = add_api(agent.gateway, upstream)

    deploy.push(agent.gateway.pk)

    assert Ack.objects.get().applied
    assert state_of(api) == "applied"
    wait_until(lambda: answers(api))
    assert Replica.objects.get().generation == agent.gateway.generation


def test_replica_that_cannot_be_reached_pulls(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start("--control-url", f"http://127.0.0.1:{free_port()}")
    api = add_api(agent.gateway, upstream)

    deploy.push(agent.gateway.pk)

    assert not Replica.objects.get().is_reachable
    wait_until(lambda: state_of(api) == "applied", 20)
    wait_until(lambda: answers(api))


def test_older_snapshot_is_refused(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    api = add_api(agent.gateway, upstream)
    older = snapshot.build(agent.gateway)
    Gateway.objects.update(generation=7)
    deploy.push(agent.gateway.pk)

    answer = put(agent.gateway, older.body)

    assert answer.status_code == 409
    assert "generation 1 is older than 7" in answer.json()["message"]
    wait_until(lambda: answers(api))


def put(gateway: Gateway, body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    replica = Replica.objects.get()
    if headers is None:
        signer = console_key.signer()
        headers = signer.headers(str(gateway.pk), "PUT", "/v1/snapshot", body, subject=str(replica.pk))
    return httpx.put(f"{replica.control_url}/v1/snapshot", content=body, headers=headers, trust_env=False)


def test_only_the_console_pushes_and_only_once(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    add_api(agent.gateway, upstream)
    body = snapshot.build(agent.gateway).body
    key, replica = console_key.signer(), Replica.objects.get()
    signature = key.headers(str(agent.gateway.pk), "PUT", "/v1/snapshot", body, subject=str(replica.pk))

    unsigned = put(agent.gateway, body, {})
    altered = put(agent.gateway, body + b" ", signature)
    first = put(agent.gateway, body, signature)
    replayed = put(agent.gateway, body, signature)

    codes = [answer.status_code for answer in (unsigned, altered, first, replayed)]
    assert codes == [401, 401, 200, 401]


def test_stopped_agent_says_goodbye(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    api = add_api(agent.gateway, upstream)
    deploy.push(agent.gateway.pk)
    wait_until(lambda: answers(api))

    code = agent.stop()

    assert code == 0
    assert agent.gateway.status == Gateway.Status.DISCONNECTED
    assert not answers(api)


def test_killed_agent_leaves_envoy_serving_and_adopts_it(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    api = add_api(agent.gateway, upstream)
    deploy.push(agent.gateway.pk)
    wait_until(lambda: answers(api))
    envoy = agent.envoy_pid

    agent.stop(signal.SIGKILL)
    serves_alone = answers(api)
    agent.start()
    wait_until(lambda: "envoy=adopted" in agent.log)

    assert serves_alone
    assert agent.envoy_pid == envoy
    assert answers(api)


def test_replica_serves_with_the_console_away(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    api = add_api(agent.gateway, upstream)
    deploy.push(agent.gateway.pk)
    agent.stop()

    agent.move_console(f"http://127.0.0.1:{free_port()}")
    agent.start(is_awaited=False)

    wait_until(lambda: answers(api), 20)
    wait_until(lambda: "reachable=false" in agent.log)


def test_port_that_is_taken_is_refused_until_it_is_free(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    with socket.create_server(("0.0.0.0", 0)) as holder:
        api = add_api(agent.gateway, upstream, holder.getsockname()[1])
        deploy.push(agent.gateway.pk)
        refusal = ResourceStatus.objects.get()

    assert refusal.state == "refused"
    assert str(api.port) in refusal.reason
    wait_until(lambda: state_of(api) == "applied", 20)
    wait_until(lambda: answers(api))


def test_restarted_replica_keeps_its_identity(agent: AgentProcess) -> None:
    agent.start()
    agent.stop()

    agent.start()

    assert Replica.objects.count() == 1


def test_state_folder_is_private(agent: AgentProcess) -> None:
    agent.start()

    modes = {path.name: path.stat().st_mode & 0o777 for path in (agent.state, agent.state / "replica.json")}

    assert modes == {"state": 0o700, "replica.json": 0o600}
    assert (agent.folder / "registration.yaml").stat().st_mode & 0o777 == 0o600


def test_state_folder_of_another_gateway_is_turned_down(agent: AgentProcess, tmp_path: Path) -> None:
    agent.start()
    agent.stop()
    other = AgentProcess(tmp_path / "other", agent.console_url).register("other")

    done = run("run", "--registration", other.folder, "--state", agent.state)

    assert done.returncode == 1
    assert f"belongs to the gateway {agent.gateway.pk}" in done.stderr
