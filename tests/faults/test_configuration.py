"""Configurations that cannot all run, and replicas that cannot all be reached: the rest is served."""

import html
import signal
import socket
from collections.abc import Iterator

import pytest
from django.test import Client

from apis.models import ApiInstance, PolicyBinding
from gateways.models import Gateway
from tests.certificates import self_signed
from tests.factories import make_user
from tests.faults.site import Site
from tests.ports import free_port
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.envoy]


@pytest.fixture(scope="module")
def fifty(site: Site) -> list[ApiInstance]:
    """With `site.api` they are fifty, all in force."""
    added = [site.add_api(f"api-{number}") for number in range(49)]
    site.deploy(*added)
    wait_until(lambda: all(site.is_applied(api) for api in added), 30)
    return added


def faulty(site: Site, api: ApiInstance, kind: str) -> Iterator[str]:
    """Break the API; what its refusal says; mended when resumed."""
    if kind == "does not compile":
        binding = PolicyBinding.objects.create(
            api=api, policy="ip-allowlist", config={"ips": ["10.0.0.1/33"]}, order=1
        )
        yield "10.0.0.1/33"
        binding.delete()
    elif kind == "envoy refuses":
        ApiInstance.objects.filter(pk=api.pk).update(protocol="https", port=free_port())
        config = {"certificate": self_signed(), "ciphers": ["NO_SUCH_CIPHER"]}
        binding = PolicyBinding.objects.create(api=api, policy="tls", config=config, order=1)
        yield "NO_SUCH_CIPHER"
        binding.delete()
        ApiInstance.objects.filter(pk=api.pk).update(protocol="http", port=site.port)
    else:
        with socket.create_server(("0.0.0.0", 0)) as holder:
            port = holder.getsockname()[1]
            ApiInstance.objects.filter(pk=api.pk).update(port=port)
            yield f"port {port} is in use by another process"


@pytest.mark.parametrize("kind", ["does not compile", "envoy refuses", "port is taken"])
def test_one_of_fifty_is_refused_alone_and_heals(site: Site, fifty: list[ApiInstance], kind: str) -> None:
    bad, *good = fifty
    fault = faulty(site, bad, kind)

    with site.load() as load:
        reason = next(fault)
        site.deploy(*fifty, site.api)
        wait_until(lambda: site.state_of(bad) != "", 30)
        states = {api.pk: site.state_of(api) for api in (*good, site.api)}
        told = page(bad)
        next(fault, None)
        if kind != "port is taken":
            site.deploy(bad)
        wait_until(lambda: site.is_applied(bad), 30)
        load.answer(20)

    assert set(states.values()) == {"applied"}
    assert len(states) == 49
    assert reason in told
    assert "Failed" in told
    assert "Active" in page(bad)
    assert load.failed == {}
    site.check_account()


def page(api: ApiInstance) -> str:
    client = Client()
    client.force_login(make_user(is_superuser=True))
    return html.unescape(client.get(f"/apis/{api.pk}").content.decode())


def test_change_without_a_stream_arrives_with_the_next_heartbeat(site: Site, settings: object) -> None:
    """As where a proxy on the way lets no stream through."""
    settings.LINK_URL = ""  # type: ignore[attr-defined]
    site.agent.stop(signal.SIGKILL)
    site.agent.start(is_awaited=False)
    wait_until(lambda: "envoy=adopted" in site.agent.log and site.replica.generation > 0, 30)
    wait_until(lambda: not site.replica.has_stream, 30)
    heard = site.replica.last_heartbeat_at
    wait_until(lambda: site.replica.last_heartbeat_at > heard)
    api = site.add_api("behind-nat")

    heartbeats = set()

    def is_there() -> bool:
        heartbeats.add(site.replica.last_heartbeat_at)
        return site.is_applied(api)

    with site.load() as load:
        site.deploy(api)
        wait_until(is_there, 20)
        load.answer(20)

    the_last_before, the_next, on_the_way = 1, 1, 1
    assert len(heartbeats) <= the_last_before + the_next + on_the_way
    assert not site.replica.has_stream
    assert site.gateway.status == Gateway.Status.CONNECTED
    assert load.failed == {}
    site.check_account()
