"""From a saved change to the replica: what is pushed, how often, and what is told of it."""

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from kombu import pools

from apis import change, deploy, snapshot, status
from apis.drafts import ApiDraft, NewAsset, RouteDraft, UpstreamDraft
from apis.models import ApiInstance
from console.celery import app
from console.models import User
from gateways.agent import protocol
from gateways.agent import resources as r
from gateways.agent.verdict import MOST_CHARACTERS
from gateways.models import Ack, Gateway, Replica, ResourceStatus
from tests.apis.snapshots import resources_of
from tests.factories import make_api, make_user
from tests.gateways.replica import SigningReplica
from tests.traffic.upstream import serving

LIMITS = {"rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 60000}]}


class Agent(ThreadingHTTPServer):
    """Takes snapshots at a control URL as an agent does, applies nothing, and says it did."""

    def __init__(self, replica: SigningReplica) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replica = replica
        self.snapshots: list[r.Snapshot] = []
        self.refused: list[str] = []
        """Reasons, each of one more API that it says it refused."""
        self.failure = ""
        self.hold = threading.Event()
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Agent

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = r.Snapshot.model_validate_json(body)
        self.server.snapshots.append(found)
        self.server.hold.wait(10)
        told = [
            protocol.ResourceAck(
                namespace=one.metadata.namespace,
                name=one.metadata.name,
                state="applied",
                running_generation=found.generation,
            )
            for one in found.resources
            if one.kind == "ApiInstance"
        ] + [
            protocol.ResourceAck(namespace="n" * 36, name=f"apii-{number}", state="refused", reason=reason)
            for number, reason in enumerate(self.server.refused)
        ]
        ack = protocol.Ack(
            replica=self.server.replica.id,
            generation=found.generation,
            digest=found.digest,
            applied=True,
            at=datetime.now(UTC),
            resources=tuple(told),
        )
        failure = self.server.failure
        answer = (
            json.dumps({"message": failure}) if failure else ack.model_dump_json(by_alias=True)
        ).encode()
        self.send_response(500 if failure else 200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Silence."""


@pytest.fixture
def agent() -> Iterator[Agent]:
    server = Agent(SigningReplica())
    with serving(server):
        server.replica.heartbeat(control_url=server.url)
        yield server
        server.hold.set()


def deployed(gateway: Gateway, actor: User, name: str = "Orders", **fields: Any) -> ApiInstance:
    routes = [RouteDraft(upstreams=[UpstreamDraft("http://backend:9000/base/")])]
    fields.setdefault("base_path", f"/{name.lower()}")
    return change.create_api(
        actor,
        gateway.environment,
        ApiDraft(NewAsset(name), gateway, **{"routes": routes} | fields),
        deploy=True,
    )


@pytest.mark.django_db
class TestPush:
    def test_a_saved_api_is_pushed_and_acknowledged(self, agent: Agent) -> None:
        api = deployed(agent.replica.gateway, make_user())

        assert deploy.push(agent.replica.gateway.pk) == 1

        [taken] = agent.snapshots
        assert taken.digest == r.digest(taken.resources)
        assert status.status_of(api).state == "Active"

    def test_a_push_repeated_does_nothing(self, agent: Agent) -> None:
        deployed(agent.replica.gateway, make_user())

        assert [deploy.push(agent.replica.gateway.pk) for _ in range(3)] == [1, 0, 0]

        assert len(agent.snapshots) == 1

    @pytest.mark.parametrize("host", ["\u00e9\u00df..x", "a" * 64])
    def test_a_replica_at_an_impossible_address_does_not_hold_up_its_neighbour(
        self, agent: Agent, host: str
    ) -> None:
        gateway = agent.replica.gateway
        lost = SigningReplica(agent.replica.keys, gateway)
        lost.heartbeat(control_url=f"http://{host}:1")
        deployed(gateway, make_user())

        deploy.push(gateway.pk)

        reached = Replica.objects.values_list("pk", "is_reachable").order_by("is_reachable")
        assert [(str(pk), is_reachable) for pk, is_reachable in reached] == [
            (lost.id, False),
            (agent.replica.id, True),
        ]
        assert Replica.objects.get(pk=agent.replica.id).generation == 1

    def test_an_answer_about_a_thousand_refused_apis_is_kept(self, agent: Agent) -> None:
        deployed(agent.replica.gateway, make_user())
        agent.refused = ["\u00e9" * MOST_CHARACTERS] * 1000

        deploy.push(agent.replica.gateway.pk)

        assert Replica.objects.get().generation == 1
        assert ResourceStatus.objects.filter(reason=agent.refused[0]).count() == 1000

    def test_an_answer_without_an_end_is_a_push_that_failed(
        self, agent: Agent, caplog: pytest.LogCaptureFixture
    ) -> None:
        deployed(agent.replica.gateway, make_user())
        agent.refused = ["x" * protocol.ACK_LIMIT]

        deploy.push(agent.replica.gateway.pk)

        assert not Ack.objects.exists()
        assert not Replica.objects.get().is_reachable
        assert "generation=1 acked=false reason='its answer is larger than 4 MB'" in caplog.text

    def test_an_answer_that_cannot_be_kept_does_not_hold_up_a_neighbours(
        self, agent: Agent, caplog: pytest.LogCaptureFixture
    ) -> None:
        deployed(agent.replica.gateway, make_user())
        agent.refused = ["a\0b"]

        assert deploy.push(agent.replica.gateway.pk) == 1

        assert not Ack.objects.exists()
        assert "acked=false reason='what answered is not a replica of Gatewright'" in caplog.text

    def test_a_long_reason_is_not_logged_whole(self, agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
        deployed(agent.replica.gateway, make_user())
        agent.failure = "x" * 10_000

        deploy.push(agent.replica.gateway.pk)

        [line] = [line for line in caplog.messages if "acked=false" in line]
        assert "reason='answered 500: xxx" in line
        assert len(line) < 1000

    def test_ten_quick_saves_make_one_push(self, agent: Agent) -> None:
        actor = make_user()
        for number in range(10):
            deployed(agent.replica.gateway, actor, f"Api{number}")

        made = [deploy.push(agent.replica.gateway.pk) for _ in range(10)]

        assert sum(made) == 1
        assert agent.snapshots[0].generation == 10

    def test_a_replica_that_came_later_is_behind_and_gets_it(self, agent: Agent) -> None:
        gateway = agent.replica.gateway
        deployed(gateway, make_user())
        Replica.objects.update(control_url="")
        deploy.push(gateway.pk)
        assert deploy.behind() == []

        Replica.objects.update(control_url=agent.url, is_reachable=True)

        assert deploy.behind() == [gateway.pk]
        assert deploy.push(gateway.pk) == 1
        assert deploy.behind() == []

    def test_a_gateway_that_is_gone_is_no_error(self) -> None:
        assert deploy.push("00000000-0000-0000-0000-000000000000") == 0

    def test_an_undeployed_api_leaves_the_snapshot(self, agent: Agent) -> None:
        actor = make_user()
        api = deployed(agent.replica.gateway, actor)
        deploy.push(agent.replica.gateway.pk)

        change.undeploy_api(actor, api)
        deploy.push(agent.replica.gateway.pk)

        assert agent.snapshots[-1].resources == ()
        assert status.status_of(api).state == "Not deployed"


@pytest.mark.django_db(transaction=True)
def test_a_save_during_a_push_is_pushed_by_the_one_who_pushes(agent: Agent) -> None:
    gateway, actor = agent.replica.gateway, make_user()
    deployed(gateway, actor)
    agent.hold.clear()
    made: list[int] = []

    def worker() -> None:
        made.append(deploy.push(gateway.pk))
        connections.close_all()

    first = threading.Thread(target=worker)
    first.start()
    _until(lambda: len(agent.snapshots) == 1)
    deployed(gateway, actor, "Cats")
    assert deploy.push(gateway.pk) == 0
    agent.hold.set()
    first.join(20)

    assert made == [2]
    assert [one.generation for one in agent.snapshots] == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_costs_no_save(caplog: pytest.LogCaptureFixture) -> None:
    gateway, before = SigningReplica().gateway, app.conf.broker_url
    _use_broker("redis://127.0.0.1:1/0")

    try:
        api = deployed(gateway, make_user())
    finally:
        _use_broker(before)

    assert ApiInstance.objects.filter(pk=api.pk).exists()
    assert f"push was not enqueued gateway={gateway.pk}" in caplog.text


@pytest.mark.django_db
class TestSnapshot:
    def test_an_api_is_told_in_the_gateways_words(self) -> None:
        gateway, actor = SigningReplica().gateway, make_user()
        upstreams = [UpstreamDraft("https://a/v1", weight=90), UpstreamDraft("http://b:81", weight=10)]
        api = deployed(
            gateway,
            actor,
            port=8085,
            routes=[
                RouteDraft(path="/v2(/.*)", methods="GET", upstreams=upstreams),
                RouteDraft(upstreams=[UpstreamDraft("http://b:81")]),
            ],
        )
        change.apply_policy(actor, api, "rate-limiting", LIMITS)

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
        routes = [RouteDraft(label, upstreams=[UpstreamDraft("http://b")]) for label in labels]
        deployed(gateway, make_user(), routes=routes)

        found = [one.metadata.annotations.get(r.ROUTE_LABEL) for one in resources_of(gateway)]

        assert [label for label in found if label] == ["canary", "a-b", "2", "3"]

    def test_the_digest_is_of_the_content_alone(self) -> None:
        gateway, actor = SigningReplica().gateway, make_user()
        api = deployed(gateway, actor)
        before = snapshot.build(gateway)

        change.deploy_api(actor, api)
        again = snapshot.build(gateway)

        assert (again.digest, again.generation) == (before.digest, before.generation + 1)
        assert Gateway.objects.get(pk=gateway.pk).built_generation == again.generation

    def test_the_number_of_queries_is_constant(self) -> None:
        gateway, actor = SigningReplica().gateway, make_user()
        deployed(gateway, actor)
        with CaptureQueriesContext(connection) as one:
            snapshot.build(gateway)
        for number in range(9):
            change.apply_policy(actor, deployed(gateway, actor, f"Api{number}"), "rate-limiting", LIMITS)

        with CaptureQueriesContext(connection) as ten:
            snapshot.build(gateway)

        assert len(ten) == len(one)


@pytest.mark.django_db
class TestPull:
    def test_a_replica_pulls_the_newest_snapshot(self) -> None:
        replica = SigningReplica()
        api = deployed(replica.gateway, make_user())

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


def _until(is_so: Any, seconds: float = 10) -> None:
    """Wait for a condition, looking again whenever the other threads had a turn."""
    done = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if is_so():
            return
        done.wait(0.02)
    raise AssertionError("it did not come about")
