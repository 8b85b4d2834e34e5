"""Contracts from the console to a real gateway: at once, on open connections, while it is away, healed."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from typing import Any

import pytest
from django.utils import timezone

from apis.changes import applications, contracts, tiers
from apis.contracts.models import Application, Contract
from apis.deployment import books
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, Upstream
from console.models import User
from gateways.models import Book, Gateway, Replica
from tests.factories import make_api, make_tier, make_user
from tests.gateways.agent_process import AgentProcess
from tests.gateways.pushing import push
from tests.ports import free_port
from tests.traffic.upstream import EchoServer, echo
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def upstream() -> Iterator[EchoServer]:
    with echo() as server:
        yield server


@pytest.fixture
def actor() -> User:
    return make_user()


@pytest.fixture
def api(agent: AgentProcess, upstream: EchoServer) -> ApiInstance:
    return add_api(agent.gateway, upstream, "client-id-enforcement")


def add_api(gateway: Gateway, upstream: EchoServer, policy: str, **config: object) -> ApiInstance:
    api = make_api(gateway, name="orders", base_path="/orders", port=free_port())
    target = Upstream.objects.create(api=api, uri=upstream.url)
    RouteUpstream.objects.create(route=Route.objects.create(api=api, position=0), upstream=target)
    PolicyBinding.objects.create(api=api, policy=policy, order=1, config=config)
    Gateway.objects.filter(pk=gateway.pk).update(generation=gateway.generation + 1)
    gateway.refresh_from_db()
    return api


class Caller:
    """One connection, which stays open."""

    def __init__(self, api: ApiInstance) -> None:
        self._connection = HTTPConnection("127.0.0.1", api.port, timeout=5)

    def status(self, application: Application, secret: str) -> int:
        headers = {"client_id": application.client_id, "client_secret": secret}
        try:
            self._connection.request("GET", "/orders/1", headers=headers)
            response = self._connection.getresponse()
            response.read()
        except OSError:
            self._connection.close()
            return 0
        return response.status


def granted(actor: User, api: ApiInstance, name: str = "Shop") -> tuple[Contract, str]:
    application, secret = applications.create(actor, api.environment.organization, name=name)
    return contracts.request(actor, application, api), secret


def test_from_request_to_revocation_on_one_open_connection(
    agent: AgentProcess, api: ApiInstance, actor: User
) -> None:
    contract, secret = granted(actor, api)
    agent.start()
    push(agent.gateway.pk)
    caller, application = Caller(api), contract.application
    wait_until(lambda: caller.status(application, secret) == 200)
    assert caller.status(application, "wrong") == 401

    contracts.revoke(actor, contract)
    wait_until(lambda: caller.status(application, secret) == 401)
    contracts.restore(actor, contract)
    wait_until(lambda: caller.status(application, secret) == 200)
    new = applications.reset_secret(actor, application, overlap=timedelta(hours=1))
    wait_until(lambda: caller.status(application, new) == 200)
    assert caller.status(application, secret) == 200
    applications.end_old_secret(actor, application)
    wait_until(lambda: caller.status(application, secret) == 401)
    assert caller.status(application, new) == 200
    applications.delete(actor, application)
    wait_until(lambda: caller.status(application, new) == 401)


def test_replicas_tell_which_contracts_count(agent: AgentProcess, api: ApiInstance, actor: User) -> None:
    agent.start()
    push(agent.gateway.pk)
    granted(actor, api)

    def is_told() -> bool:
        book = Book.objects.get(pk=agent.gateway.pk)
        replica = Replica.objects.filter(gateway=agent.gateway).first()
        return replica is not None and (
            (replica.contracts_generation, replica.contracts_digest) == (book.generation, book.digest)
        )

    wait_until(is_told)


def test_a_contract_that_was_revoked_while_the_gateway_was_away_is_over_before_it_serves(
    agent: AgentProcess, api: ApiInstance, actor: User
) -> None:
    contract, secret = granted(actor, api)
    agent.start()
    push(agent.gateway.pk)
    wait_until(lambda: Caller(api).status(contract.application, secret) == 200)
    agent.stop()
    contracts.revoke(actor, contract)

    agent.start()

    seen: set[int] = set()
    wait_until(lambda: seen.add(Caller(api).status(contract.application, secret)) or 401 in seen)
    assert 200 not in seen


def test_with_the_console_away_at_the_start_what_was_kept_counts_from_the_first_request_on(
    agent: AgentProcess, api: ApiInstance, actor: User
) -> None:
    kept, secret = granted(actor, api, "kept")
    revoked, other = granted(actor, api, "revoked")
    agent.start()
    push(agent.gateway.pk)
    wait_until(lambda: Caller(api).status(revoked.application, other) == 200)
    contracts.revoke(actor, revoked)
    wait_until(lambda: Caller(api).status(revoked.application, other) == 401)
    wait_until(lambda: Replica.objects.get().contracts_generation == Book.objects.get().generation)
    agent.stop()
    agent.move_console(f"http://127.0.0.1:{free_port()}")

    agent.start(is_awaited=False)

    first: list[int] = []
    wait_until(lambda: bool(first.append(Caller(api).status(revoked.application, other)) or first[-1]), 30)
    assert set(first) - {0} == {401}
    assert Caller(api).status(kept.application, secret) == 200


def test_contracts_end_by_the_clock_while_the_console_tells_nothing(
    agent: AgentProcess, api: ApiInstance, actor: User
) -> None:
    contract, secret = granted(actor, api)
    agent.start()
    push(agent.gateway.pk)
    caller, application = Caller(api), contract.application
    wait_until(lambda: caller.status(application, secret) == 200)
    ends = timezone.now() + timedelta(seconds=4)

    contracts.change_expiry(actor, contract, ends)
    wait_until(lambda: Replica.objects.get().contracts_generation == Book.objects.get().generation)
    Gateway.objects.update(is_revoked=True)
    wait_until(lambda: caller.status(application, secret) == 401)

    assert timezone.now() >= ends


def test_what_a_push_missed_a_heartbeat_brings(
    agent: AgentProcess, api: ApiInstance, actor: User, settings: Any
) -> None:
    settings.LINK_URL = ""
    contract, secret = granted(actor, api)
    agent.start()
    push(agent.gateway.pk)
    caller = Caller(api)
    wait_until(lambda: caller.status(contract.application, secret) == 200)
    assert not Replica.objects.get().has_stream

    contracts.revoke(actor, contract)

    wait_until(lambda: caller.status(contract.application, secret) == 401)


def test_a_tier_limits_and_another_applies_at_once(
    agent: AgentProcess, upstream: EchoServer, actor: User
) -> None:
    api = add_api(agent.gateway, upstream, "rate-limiting-sla-based")
    limits = [{"maximumRequests": 2, "timePeriodInMilliseconds": 3_600_000}]
    tier = tiers.create(actor, api, name="Small", limits=limits, approves_by_itself=True)
    large = make_tier(api, limits=[{**limits[0], "maximumRequests": 1000}])
    application, secret = applications.create(actor, api.environment.organization, name="Shop")
    contract = contracts.request(actor, application, api, tier=tier)
    agent.start()
    push(agent.gateway.pk)
    caller = Caller(api)
    wait_until(lambda: caller.status(application, secret) == 200)

    assert [caller.status(application, secret) for _ in range(2)] == [200, 429]
    contracts.change_tier(actor, contract, large)
    wait_until(lambda: caller.status(application, secret) == 200)


def test_an_api_that_moves_takes_its_contracts_along(
    agent: AgentProcess, api: ApiInstance, actor: User
) -> None:
    granted(actor, api)
    books.push(agent.gateway.pk)
    assert books.build(agent.gateway).count == 1
    before = Book.objects.get(pk=agent.gateway.pk).generation
    ApiInstance.objects.filter(pk=api.pk).update(gateway=None)

    books.refresh(agent.gateway)

    book = Book.objects.get(pk=agent.gateway.pk)
    assert book.generation == book.pushed_generation == before + 1
    assert books.build(agent.gateway).count == 0


def test_a_console_from_a_backup_goes_on_after_what_replicas_have(
    agent: AgentProcess, api: ApiInstance, actor: User
) -> None:
    contract, secret = granted(actor, api)
    agent.start()
    push(agent.gateway.pk)
    caller = Caller(api)
    wait_until(lambda: caller.status(contract.application, secret) == 200)
    wait_until(lambda: Replica.objects.get().contracts_generation > 0)
    Replica.objects.update(contracts_generation=0)
    Book.objects.update(generation=0, built_generation=0, pushed_generation=0, digest="")
    Contract.objects.filter(pk=contract.pk).update(status=Contract.Status.REVOKED)

    wait_until(lambda: caller.status(contract.application, secret) == 401)


def test_under_load_nobody_is_wrongly_let_in_or_kept_out_while_contracts_change(
    agent: AgentProcess, api: ApiInstance, actor: User
) -> None:
    """`kept` may always call, `stranger` never; `toggled` by turns, and as it was decided each time."""
    kept, secret = granted(actor, api, "kept")
    toggled, other = granted(actor, api, "toggled")
    stranger, third = applications.create(actor, api.environment.organization, name="stranger")
    agent.start()
    push(agent.gateway.pk)
    wait_until(lambda: Caller(api).status(kept.application, secret) == 200)
    seen: dict[str, Counter[int]] = {"kept": Counter(), "stranger": Counter()}
    done = threading.Event()

    def ask(name: str, application: Application, text: str) -> None:
        caller = Caller(api)
        while not done.is_set():
            seen[name][caller.status(application, text)] += 1

    asking = [
        threading.Thread(target=ask, args=arguments, daemon=True)
        for arguments in (("kept", kept.application, secret), ("stranger", stranger, third)) * 2
    ]
    for one in asking:
        one.start()
    caller = Caller(api)
    for change, status in [(contracts.revoke, 401), (contracts.restore, 200)] * 10:
        change(actor, toggled)
        wait_until(lambda status=status: caller.status(toggled.application, other) == status)  # type: ignore[misc]
        assert {caller.status(toggled.application, other) for _ in range(5)} == {status}
    done.set()
    for one in asking:
        one.join()

    assert set(seen["kept"]) == {200} and set(seen["stranger"]) == {401}
    assert min(seen["kept"][200], seen["stranger"][401]) > 50
