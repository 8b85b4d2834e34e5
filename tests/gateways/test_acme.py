"""A certificate from an ACME CA: a running gateway answers the CA's question, whatever its APIs refuse."""

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.utils import timezone

from apis.certificates import read
from apis.certifying import acme
from apis.changes.instances import create_api
from apis.changes.policies import apply_policy
from apis.deployment.alone import CERTIFICATES, alone
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from apis.secret_groups import acme_client
from apis.secret_groups.acme import AcmeSource
from apis.secret_groups.acme_client import Applicant, CertificateOrder, CertificateRefused
from apis.secret_groups.models import Secret
from tests.apis.secret_groups.acme_server import AcmeServer, acme_server, known_by
from tests.factories import make_actor, make_secret_group
from tests.gateways.agent_process import AgentProcess
from tests.gateways.pushing import push
from tests.ports import free_port
from tests.traffic.upstream import echo
from tests.waiting import wait_until

NAMES = (*(f"n{at}.example.com" for at in range(10, 10 + acme.MOST_NAMES - 1)), "b.example.com")
pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


def test_gateway_answers_the_ca_and_the_keystore_is_renewed(agent: AgentProcess, settings: Any) -> None:
    user, environment, port = make_actor(), agent.gateway.environment, free_port()
    group = make_secret_group(environment, name="edge")
    with echo() as upstream, acme_server(port) as ca:
        settings.ACME_DIRECTORIES = (ca.directory,)
        agent.start()
        wanted = DesiredApi(
            asset=NewAsset("orders"),
            gateway=agent.gateway,
            port=port,
            base_path="/",
            routes=[DesiredRoute(upstreams=[DesiredUpstream(upstream.url)])],
        )
        api = create_api(user, environment, wanted, deploy=True)
        apply_policy(user, api, "ip-allowlist", {"ips": ["10.9.9.9"]})

        def status() -> int:
            try:
                return httpx.get(f"http://127.0.0.1:{port}/1", trust_env=False).status_code
            except httpx.HTTPError:
                return 0

        push(agent.gateway.pk)
        wait_until(lambda: status() == 403, 20)
        source = acme.ask(user, group, "edge", ca.directory, [*NAMES[:-1], "B.example.com"])

        assert acme.work() == 1

        source.refresh_from_db()
        assert (source.state, source.trouble, source.challenges) == ("valid", "", [])
        keystore = Secret.objects.get()
        facts = read(keystore.content["certificate"])
        assert keystore.told["subject"] == facts.subject == facts.names[0], "the CA leaves the subject out"
        assert facts.names == NAMES == tuple(ca.seen)
        assert source.next_try_at == facts.expires_at - (facts.expires_at - facts.starts_at) / 3
        assert acme.work() == 0

        AcmeSource.objects.update(next_try_at=timezone.now())
        assert acme.work() == 1
        keystore.refresh_from_db()
        assert read(keystore.content["certificate"]).fingerprint != facts.fingerprint
        assert len(ca.accounts) == 1
        push(agent.gateway.pk)
        wait_until(lambda: status() == 403, 20)


def test_ca_that_cannot_see_the_names_is_asked_again_later(settings: Any) -> None:
    group, user = make_secret_group(), make_actor()
    with acme_server(free_port()) as ca:
        settings.ACME_DIRECTORIES = (ca.directory,)
        source = acme.ask(user, group, "edge", ca.directory, ["a.example.com"])
        pauses = []

        for _ in range(2):
            AcmeSource.objects.update(next_try_at=timezone.now())
            assert acme.work() == 1
            source.refresh_from_db()
            pauses.append(source.next_try_at - timezone.now())

        assert source.state == "failed"
        assert "a.example.com" in source.trouble
        assert timedelta(minutes=4) < pauses[0] < timedelta(minutes=6) < pauses[1]
    AcmeSource.objects.update(next_try_at=timezone.now())
    assert acme.work() == 1
    source.refresh_from_db()
    assert "cannot be reached" in source.trouble
    assert not Secret.objects.exists()


@pytest.fixture
def ca(settings: Any) -> Iterator[AcmeServer]:
    """It has seen the names before."""
    with acme_server() as server:
        settings.ACME_DIRECTORIES = (server.directory,)
        server.knows_names = True
        yield server


def asked(ca: AcmeServer) -> AcmeSource:
    source = acme.ask(make_actor(), make_secret_group(), "edge", ca.directory, ["a.example.com"])
    assert acme.work() == 1
    source.refresh_from_db()
    return source


def test_account_that_the_ca_forgot_is_opened_anew(ca: AcmeServer) -> None:
    source = asked(ca)
    assert source.state == "valid"
    ca.accounts.clear()

    AcmeSource.objects.update(next_try_at=timezone.now())
    assert acme.work() == 1

    source.refresh_from_db()
    assert (source.state, source.trouble) == ("valid", "")
    assert len(ca.accounts) == 1


def test_account_that_the_ca_closed_is_replaced_by_one_with_a_new_key(ca: AcmeServer) -> None:
    source = asked(ca)
    [uri], before = ca.accounts, source.account
    ca.deactivated = {known_by(ca.accounts[uri])}

    AcmeSource.objects.update(next_try_at=timezone.now())
    assert acme.work() == 1

    source.refresh_from_db()
    assert (source.state, source.trouble) == ("valid", "")
    assert source.account["key"] != before["key"]
    assert source.account["uri"] in ca.accounts and source.account["uri"] != uri


def test_account_that_was_opened_is_kept_though_the_order_fails(ca: AcmeServer) -> None:
    ca.fails_orders = "CAA of a.example.com forbids it"
    source = asked(ca)
    ca.deactivated = {known_by(one) for one in ca.accounts.values()}

    for _ in range(2):
        AcmeSource.objects.update(next_try_at=timezone.now())
        assert acme.work() == 1

    source.refresh_from_db()
    assert "CAA of a.example.com" in source.trouble
    assert len(ca.accounts) == 2


def test_slow_ca_is_left_in_time(ca: AcmeServer) -> None:
    ca.takes_seconds = 0.5
    kept: list[Any] = []
    wanted = CertificateOrder(ca.directory, ["a.example.com"])
    account = {"key": acme_client.new_key()}

    with pytest.raises(CertificateRefused, match="did not decide in time"):
        acme_client.obtain(wanted, Applicant(account, lambda _: None, kept.append, whole_seconds=1.2))

    assert not ca.orders or not ca.orders[0]["certificate"]


def test_slow_ca_keeps_its_own_certificates_alone(ca: AcmeServer, settings: Any) -> None:
    group = make_secret_group()
    with acme_server() as other:
        other.knows_names = True
        settings.ACME_DIRECTORIES = (ca.directory, other.directory)
        slow = [acme.ask(make_actor(), group, f"s{at}", ca.directory, ["a.example.com"]) for at in "ab"]
        fast = acme.ask(make_actor(), group, "fast", other.directory, ["b.example.com"])
        with busy(ca.directory):
            assert acme.work() == 1
    states = dict(AcmeSource.objects.values_list("pk", "state"))
    assert states == {fast.pk: "valid", slow[0].pk: "waiting", slow[1].pk: "waiting"}


@contextmanager
def busy(directory: str) -> Iterator[None]:
    """Another worker asks this CA."""
    begun, end = threading.Event(), threading.Event()

    def hold() -> None:
        with alone(CERTIFICATES, zlib.crc32(directory.encode())) as is_ours:
            assert is_ours
            begun.set()
            end.wait(60)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert begun.wait(30)
    try:
        yield
    finally:
        end.set()
        thread.join()


def test_order_that_fails_at_the_end_says_the_cas_reason(ca: AcmeServer) -> None:
    ca.fails_orders = "CAA of a.example.com forbids it"

    source = asked(ca)

    assert (source.state, source.trouble) == ("failed", "The CA refuses: CAA of a.example.com forbids it")


def test_certificate_that_is_old_by_our_clock_is_not_asked_for_at_once_again(ca: AcmeServer) -> None:
    """Short lives, or clocks that differ."""
    ca.life = timedelta(minutes=2)

    source = asked(ca)

    assert source.state == "valid"
    assert source.next_try_at > timezone.now() + timedelta(minutes=4)
    assert len(ca.orders) == 1
