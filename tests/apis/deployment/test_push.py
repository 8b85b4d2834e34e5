"""From a saved change to the replica: what is pushed, how often, and what is told of it."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from kombu import pools

from apis.changes import instances, policies
from apis.deployment import push, snapshot, status
from apis.deployment.alone import SNAPSHOTS, alone
from apis.desired import DesiredApi, DesiredRoute, DesiredUpstream, NewAsset
from apis.models import ApiInstance
from console.celery import app
from console.models import User
from gateways.agents import console_key, outbox
from gateways.models import Deployment, Gateway
from gateways.protocol import resources as r
from tests.apis.deployment.snapshots import resources_of
from tests.factories import make_actor, make_api
from tests.gateways import pushing
from tests.gateways.heard import Heard, listening
from tests.gateways.replica import SigningReplica

LIMITS = {"rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 60000}]}


@pytest.fixture
def replica() -> SigningReplica:
    """Live, with a stream."""
    replica = SigningReplica()
    replica.heartbeat(stream=True)
    return replica


@pytest.fixture
def heard(replica: SigningReplica) -> Iterator[Heard]:
    with listening(replica.gateway) as heard:
        yield heard


def deployed(gateway: Gateway, actor: User, name: str = "Orders", **fields: Any) -> ApiInstance:
    routes = [DesiredRoute(upstreams=[DesiredUpstream("http://backend:9000/base/")])]
    fields.setdefault("base_path", f"/{name.lower()}")
    return instances.create_api(
        actor,
        gateway.environment,
        DesiredApi(NewAsset(name), gateway, **{"routes": routes} | fields),
        deploy=True,
    )


def answer(replica: SigningReplica, api: ApiInstance, generation: int) -> None:
    applied = {"name": api.resource_name, "state": "applied", "runningGeneration": generation}
    replica.ack(generation, {"namespace": str(api.environment_id), **applied})


@pytest.mark.django_db
class TestPush:
    def test_a_saved_api_is_sent_and_active_once_it_is_acknowledged(
        self, replica: SigningReplica, heard: Heard
    ) -> None:
        api = deployed(replica.gateway, make_actor())

        assert push.push(replica.gateway.pk) is None

        taken = heard.newest()
        assert heard.calls() == 1
        assert taken.digest == r.digest(taken.resources)
        assert status.status_of(api).state == "Applying"
        answer(replica, api, taken.generation)
        assert status.status_of(api).state == "Active"

    def test_little_is_asked_and_once_committed_before_it_is_sent(self, replica: SigningReplica) -> None:
        deployed(replica.gateway, make_actor())
        console_key.signer()

        with CaptureQueriesContext(connection) as caught:
            push.push(replica.gateway.pk)

        asked = [one["sql"] for one in caught.captured_queries]
        assert [sql.split()[0] for sql in asked].count("SAVEPOINT") == 1  # The test's own is around it.
        assert len(asked) <= 19

    def test_what_lies_in_valkey_shows_no_secret_and_only_this_gateway_can_be_sent_it(
        self, replica: SigningReplica, heard: Heard
    ) -> None:
        actor = make_actor()
        api = deployed(replica.gateway, actor)
        login = {"username": "ann", "password": "hunter-2-hunter"}
        policies.apply_policy(actor, api, "http-basic-authentication", login)

        push.push(replica.gateway.pk)

        assert b"hunter-2" not in heard.sealed()
        assert b"hunter-2" in heard.newest().model_dump_json().encode()
        assert outbox.opened(SigningReplica().gateway.pk, heard.sealed()) is None
        assert outbox.opened(replica.gateway.pk, heard.sealed()[:-1]) is None

    def test_a_push_repeated_does_nothing(self, replica: SigningReplica, heard: Heard) -> None:
        deployed(replica.gateway, make_actor())

        for _ in range(3):
            push.push(replica.gateway.pk)

        assert heard.calls() == 1

    def test_ten_quick_saves_make_one_push(self, replica: SigningReplica, heard: Heard) -> None:
        actor = make_actor()
        for number in range(10):
            deployed(replica.gateway, actor, f"Api{number}")

        for _ in range(10):
            push.push(replica.gateway.pk)

        assert heard.calls() == 1
        assert heard.newest().generation == 10

    def test_a_row_of_saves_after_a_push_makes_one_more_and_nobody_waits_in_a_worker(
        self, replica: SigningReplica, heard: Heard
    ) -> None:
        gateway, actor = replica.gateway, make_actor()
        deployed(gateway, actor)
        push.push(gateway.pk)
        for number in range(5):
            deployed(gateway, actor, f"Api{number}")
        before, now = heard.calls(), timezone.now()
        # A push that the future ends, and changes that come until then: no machine is too slow for that.
        Gateway.objects.update(updated_at=now + timedelta(minutes=1))
        Deployment.objects.update(pushed_at=now - timedelta(seconds=1))

        pause = push.push(gateway.pk)
        put_off = heard.calls()
        Gateway.objects.update(updated_at=now - timedelta(seconds=1))
        pushing.push(gateway.pk)

        assert pause == push.QUIET
        assert (before, put_off, heard.calls()) == (1, 0, 1)
        assert heard.newest().generation == 6

    def test_a_push_of_a_clock_that_is_ahead_holds_nothing_up(
        self, replica: SigningReplica, heard: Heard
    ) -> None:
        gateway, actor = replica.gateway, make_actor()
        deployed(gateway, actor)
        push.push(gateway.pk)
        Deployment.objects.update(pushed_at=timezone.now() + timedelta(minutes=1))
        deployed(gateway, actor, "Cats")

        assert push.push(gateway.pk) is None

        assert heard.calls() == 2

    def test_a_large_snapshot_is_announced_and_lies_nowhere(
        self, replica: SigningReplica, heard: Heard, settings: Any
    ) -> None:
        settings.STREAM_MAX_BYTES = 100
        deployed(replica.gateway, make_actor())

        push.push(replica.gateway.pk)

        assert heard.calls() == 1
        assert heard.valkey.get(outbox.key(replica.gateway.pk)) is None

    def test_a_gateway_that_is_gone_is_no_error(self) -> None:
        assert push.push("00000000-0000-0000-0000-000000000000") is None

    def test_an_undeployed_api_leaves_the_snapshot(self, replica: SigningReplica, heard: Heard) -> None:
        actor = make_actor()
        api = deployed(replica.gateway, actor)
        pushing.push(replica.gateway.pk)
        answer(replica, api, 1)

        instances.undeploy_api(actor, api)
        pushing.push(replica.gateway.pk)
        replica.ack(2)

        assert heard.newest().resources == ()
        assert status.status_of(api).state == "Not deployed"


@pytest.mark.django_db(transaction=True)
def test_a_save_during_a_push_is_left_to_the_one_who_pushes() -> None:
    gateway = SigningReplica().gateway
    deployed(gateway, make_actor())
    is_locked, is_over = threading.Event(), threading.Event()

    def worker() -> None:
        with alone(SNAPSHOTS, gateway.pk.int):
            is_locked.set()
            is_over.wait(20)
        connections.close_all()

    first = threading.Thread(target=worker)
    first.start()
    is_locked.wait(20)
    with listening(gateway) as heard:
        left = push.push(gateway.pk), heard.calls()
        is_over.set()
        first.join(20)
        push.push(gateway.pk)

        assert left == (None, 0)
        assert heard.calls() == 1


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_costs_no_save(caplog: pytest.LogCaptureFixture) -> None:
    gateway, before = SigningReplica().gateway, app.conf.broker_url
    _use_broker("redis://127.0.0.1:1/0")

    try:
        api = deployed(gateway, make_actor())
    finally:
        _use_broker(before)

    assert ApiInstance.objects.filter(pk=api.pk).exists()
    assert f"push was not enqueued gateway={gateway.pk}" in caplog.text


@pytest.mark.django_db
class TestSnapshot:
    def test_an_api_is_told_in_the_gateways_words(self) -> None:
        gateway, actor = SigningReplica().gateway, make_actor()
        upstreams = [DesiredUpstream("https://a/v1", weight=90), DesiredUpstream("http://b:81", weight=10)]
        api = deployed(
            gateway,
            actor,
            port=8085,
            routes=[
                DesiredRoute(path="/v2(/.*)", methods="GET", upstreams=upstreams),
                DesiredRoute(upstreams=[DesiredUpstream("http://b:81")]),
            ],
        )
        policies.apply_policy(actor, api, "rate-limiting", LIMITS)

        found = {one.metadata.name: one for one in resources_of(gateway)}

        name = f"apii-{api.pk}"
        assert found[name].spec.address == "http://0.0.0.0:8085/orders"
        assert found[name].metadata.namespace == str(gateway.environment_id)
        assert found[name].metadata.labels["flex.mulesoft.com/apiinstance-id"] == str(api.pk)
        services = {one.spec.address: one.metadata.name for one in found.values() if one.kind == "Service"}
        assert set(services) == {"https://a:443", "http://b:81"}
        first, second = found[f"{name}-route-0"].spec, found[f"{name}-route-1"].spec
        assert first.policy_ref.name == "route-weighted"
        assert first.config["routes"] == [
            {"weight": 90, "destinationPath": "/v1", "destinationRef": {"name": services["https://a:443"]}},
            {"weight": 10, "destinationPath": "/", "destinationRef": {"name": services["http://b:81"]}},
        ]
        assert [(rule.path, rule.methods) for rule in first.rules] == [("/v2(/.*)", "GET")]
        assert (second.policy_ref.name, second.rules) == ("route", ())

    def test_routes_are_named_for_the_access_log(self) -> None:
        gateway = SigningReplica().gateway
        labels = ["canary", "a/b", "none", ""]
        routes = [DesiredRoute(label, upstreams=[DesiredUpstream("http://b")]) for label in labels]
        deployed(gateway, make_actor(), routes=routes)

        found = [one.metadata.annotations.get(r.ROUTE_LABEL) for one in resources_of(gateway)]

        assert [label for label in found if label] == ["canary", "a-b", "2", "3"]

    def test_the_digest_is_of_the_content_alone(self) -> None:
        gateway, actor = SigningReplica().gateway, make_actor()
        api = deployed(gateway, actor)
        before = snapshot.build(gateway)

        instances.deploy_api(actor, api)
        again = snapshot.build(gateway)

        assert (again.digest, again.generation) == (before.digest, before.generation + 1)
        assert Gateway.objects.get(pk=gateway.pk).built_generation == again.generation

    def test_the_number_of_queries_is_constant(self) -> None:
        gateway, actor = SigningReplica().gateway, make_actor()
        deployed(gateway, actor)
        with CaptureQueriesContext(connection) as one:
            snapshot.build(gateway)
        for number in range(9):
            policies.apply_policy(actor, deployed(gateway, actor, f"Api{number}"), "rate-limiting", LIMITS)

        with CaptureQueriesContext(connection) as ten:
            snapshot.build(gateway)

        assert len(ten) == len(one)


@pytest.mark.django_db
class TestPull:
    def test_a_replica_pulls_the_newest_snapshot(self) -> None:
        replica = SigningReplica()
        api = deployed(replica.gateway, make_actor())

        answer = Client().get("/agent/v1/snapshot", headers=_signed(replica))

        assert answer.status_code == 200
        found = r.Snapshot.model_validate_json(answer.content)
        assert found.generation == 1
        assert found.resources[0].metadata.name == api.resource_name

    def test_it_gets_its_own_gateways_alone(self) -> None:
        replica = SigningReplica()
        make_api()

        answer = Client().get("/agent/v1/snapshot", headers=_signed(replica))

        assert r.Snapshot.model_validate_json(answer.content).resources == ()

    def test_an_unsigned_request_is_refused(self) -> None:
        assert Client().get("/agent/v1/snapshot").status_code == 401


def _signed(replica: SigningReplica) -> dict[str, str]:
    return {"Authorization": replica.sign(b"", "/agent/v1/snapshot", "GET")}


def _use_broker(url: str) -> None:
    app.conf.broker_url = app.conf.broker_write_url = url
    pools.reset()
    app._pool = app.amqp._producer_pool = None
