"""A real gateway process against a real console: pushed to, pulling, killed, stopped, alone."""

import signal
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from django.utils import timezone
from redis import Redis

from apis.deployment import snapshot
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from gateways.agent.link import registration
from gateways.agents import outbox
from gateways.models import Ack, ConsoleKey, Gateway, Replica, ResourceStatus
from gateways.protocol import trust
from policies.catalog.http_caching.sealing import AnswerSeal
from tests.factories import make_api
from tests.faults.wire import Wire
from tests.gateways.agent_process import AgentProcess, run
from tests.gateways.pushing import push
from tests.gateways.shared_storage import Server
from tests.ports import free_port
from tests.traffic.upstream import EchoServer, echo
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


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

    push(agent.gateway.pk)

    wait_until(lambda: state_of(api) == "applied")
    assert Ack.objects.get().applied
    assert "stream=open" in agent.log
    wait_until(lambda: answers(api))
    assert Replica.objects.get().generation == agent.gateway.generation


def test_a_change_does_not_wait_for_a_heartbeat(
    agent: AgentProcess, upstream: EchoServer, settings: object
) -> None:
    settings.HEARTBEAT_SECONDS = 60  # type: ignore[attr-defined]
    agent.start()
    wait_until(lambda: has_stream() and was_last_heard_before(1))
    api = add_api(agent.gateway, upstream)
    heard = Replica.objects.get().last_heartbeat_at

    push(agent.gateway.pk)

    wait_until(lambda: state_of(api) == "applied", 30)
    wait_until(lambda: answers(api))
    assert Replica.objects.get().last_heartbeat_at == heard


def has_stream() -> bool:
    return Replica.objects.filter(has_stream=True).exists()


def was_last_heard_before(seconds: float) -> bool:
    """The heartbeat that a new stream calls for may follow another that told of the stream already."""
    return timezone.now() - Replica.objects.get().last_heartbeat_at > timedelta(seconds=seconds)


def test_without_a_link_process_a_replica_pulls_and_says_so_once(
    agent: AgentProcess, upstream: EchoServer, settings: object
) -> None:
    settings.LINK_URL = ""  # type: ignore[attr-defined]
    agent.start()
    api = add_api(agent.gateway, upstream)

    push(agent.gateway.pk)

    wait_until(lambda: state_of(api) == "applied", 20)
    wait_until(lambda: answers(api))
    assert not Replica.objects.get().has_stream
    assert agent.log.count("changes=with-heartbeats") == 1
    assert "manage.py link" in agent.log


@pytest.mark.long
def test_a_proxy_that_holds_streams_back_is_noticed_and_told_once(
    agent: AgentProcess, upstream: EchoServer, settings: object
) -> None:
    proxy = Wire(free_port())
    proxy.hang()
    settings.LINK_URL = proxy.url  # type: ignore[attr-defined]
    agent.start()
    api = add_api(agent.gateway, upstream)

    wait_until(lambda: "nothing comes down it" in agent.log, 40)
    wait_until(lambda: state_of(api) == "applied", 20)

    assert agent.log.count("changes=with-heartbeats") == 1
    assert not has_stream()
    proxy.cut()


def test_older_snapshot_is_not_taken(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    api = add_api(agent.gateway, upstream)
    older = snapshot.build(agent.gateway)
    wait_until(has_stream)
    Gateway.objects.update(generation=7)
    push(agent.gateway.pk)
    wait_until(lambda: Ack.objects.filter(deployment__generation=7).exists())

    outbox.send(agent.gateway, older)

    wait_until(lambda: "generation=1 running=7 taken=false" in agent.log)
    wait_until(lambda: answers(api))


def test_what_another_key_signed_is_not_taken(agent: AgentProcess, upstream: EchoServer) -> None:
    """Whoever can write to Valkey, and has its key too, still configures no gateway."""
    agent.start()
    wait_until(has_stream)
    before = ConsoleKey.objects.get()
    pair = trust.key_pair()
    ConsoleKey.objects.update(public_key=pair.public, private_key=pair.private)

    outbox.send(agent.gateway, snapshot.build(agent.gateway))

    wait_until(lambda: "refused=pushed-snapshot" in agent.log)
    assert "does not match the key" in agent.log
    before.save()


def test_stopped_agent_says_goodbye(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    api = add_api(agent.gateway, upstream)
    push(agent.gateway.pk)
    wait_until(lambda: answers(api))

    code = agent.stop()

    assert code == 0
    assert agent.gateway.status == Gateway.Status.DISCONNECTED
    assert not answers(api)


def test_killed_agent_leaves_envoy_serving_and_adopts_it(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    api = add_api(agent.gateway, upstream)
    push(agent.gateway.pk)
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
    push(agent.gateway.pk)
    wait_until(lambda: answers(api))
    agent.stop()

    agent.move_console(f"http://127.0.0.1:{free_port()}")
    agent.start(is_awaited=False)

    wait_until(lambda: answers(api), 20)
    wait_until(lambda: "reachable=false" in agent.log)


def test_port_that_is_taken_is_refused_until_it_is_free(agent: AgentProcess, upstream: EchoServer) -> None:
    agent.start()
    with socket.create_server(("0.0.0.0", 0)) as holder:
        api = add_api(agent.gateway, upstream, holder.getsockname()[1])
        push(agent.gateway.pk)
        wait_until(lambda: state_of(api) == "refused")
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


def test_what_replicas_share_is_sealed_with_what_only_their_registration_has(
    agent: AgentProcess, upstream: EchoServer, server: Server
) -> None:
    known = server.storage
    url = f"redis://:{quote(known.password)}@{known.host}:{known.port}/{known.database}"
    agent.launcher = ["env", f"GATEWRIGHT_SHARED_STORAGE={url}"]
    agent.start()
    api = add_api(agent.gateway, upstream)
    PolicyBinding.objects.create(api=api, policy="http-caching", order=1, config={"distributed": True})
    push(agent.gateway.pk)

    seal = AnswerSeal(registration.read(agent.folder).sealing_key)
    with Redis(port=known.port, password=known.password, db=known.database) as client:
        wait_until(lambda: answers(api) and client.llen(f"gatewright:answers:{seal.name}") > 0)
        sealed = client.lrange(f"gatewright:answers:{seal.name}", 0, 0)[0]
    assert seal.open(sealed).status == 200
