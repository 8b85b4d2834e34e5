"""Upstreams over REST: added before they are routed, changed where they are, trusted together."""

from typing import Any
from uuid import uuid4

import pytest

from apis.certificates import self_signed
from apis.deployment import snapshot
from apis.models import ApiInstance, Upstream
from console.models import AuditEntry, Environment
from gateways.models import Gateway
from tests.apis.rest.bodies import refused
from tests.factories import make_api, make_environment, make_gateway, make_tls_context
from tests.rest import Rest

pytestmark = pytest.mark.django_db

CERTIFICATE, _ = self_signed(["ca.example.com"])


@pytest.fixture
def gateway(environment: Environment) -> Gateway:
    return make_gateway(environment)


@pytest.fixture
def api(rest: Rest, gateway: Gateway) -> ApiInstance:
    """Deployed, with two weighted upstreams."""
    body = {
        "technology": "flexGateway",
        "spec": {"assetId": "orders", "version": "1.0.0"},
        "endpoint": {"deploymentType": "HY", "proxyUri": "http://0.0.0.0:8081/orders"},
        "routing": [
            {"upstreams": [{"uri": "https://a/", "weight": 90}, {"uri": "https://b/", "weight": 10}]},
        ],
        "deployment": {"targetId": str(gateway.pk)},
    }
    made = rest("POST", "AM", body)
    assert made.status_code == 201, made.data
    return ApiInstance.objects.get(pk=made.data["id"])


def served(gateway: Gateway) -> str:
    """What the gateway is to run, as it is sent."""
    return snapshot.build(gateway).body.decode()


def generation(gateway: Gateway) -> int:
    gateway.refresh_from_db()
    return gateway.generation


def test_one_is_read_by_its_id(rest: Rest, api: ApiInstance, gateway: Gateway) -> None:
    other = make_api(gateway)
    first, _ = rest("GET", f"AM/{api.pk}/upstreams").data["upstreams"]

    assert rest("GET", f"AM/{api.pk}/upstreams/{first['id']}").data == first
    refused(rest("GET", f"AM/{other.pk}/upstreams/{first['id']}"), 404, "not found")


def test_bulk_edit_changes_upstreams_where_they_are(rest: Rest, api: ApiInstance, gateway: Gateway) -> None:
    context = make_tls_context(api.environment, trusted_ca=CERTIFICATE)
    before = generation(gateway)
    first, second = rest("GET", f"AM/{api.pk}/upstreams").data["upstreams"]

    sent = {"secretGroupId": str(api.environment_id), "tlsContextId": str(context.pk)}
    answer = rest(
        "PATCH",
        f"AMX/apis/{api.pk}",
        {"upstreams": [{**first, "uri": "https://c/", "tlsContext": sent}, second]},
    )

    assert answer.status_code == 200, answer.data
    upstreams = answer.data["routing"][0]["upstreams"]
    assert [(one["id"], one["uri"], one["weight"]) for one in upstreams] == [
        (first["id"], "https://c/", 90),
        (second["id"], "https://b/", 10),
    ]
    assert Upstream.objects.get(pk=first["id"]).tls_context == context
    assert generation(gateway) > before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"id": str(uuid4())}, "The API has no upstream"),
        ({"tlsContext": {"tlsContextId": str(uuid4())}}, "has no TLS context"),
        ({"uri": "ftp://c/"}, "ftp"),
        ({"url": "https://c/"}, "There is no such field"),
    ],
)
def test_bulk_edit_refuses_what_it_cannot_do(
    rest: Rest, api: ApiInstance, change: dict[str, Any], said: str
) -> None:
    first = rest("GET", f"AM/{api.pk}/upstreams").data["upstreams"][0]

    answer = rest("PATCH", f"AMX/apis/{api.pk}", {"upstreams": [{**first, **change}]})

    assert answer.status_code == 400, answer.data
    assert said in answer.data["message"]
    assert not AuditEntry.objects.filter(object_type="apiinstance", action="update").exists()


def test_a_field_that_does_not_exist_is_refused(rest: Rest, api: ApiInstance) -> None:
    answer = rest("PATCH", f"AM/{api.pk}", {"upstream": []})

    assert answer.status_code == 400
    assert "upstreams" in answer.data["message"]


def test_an_answer_may_be_sent_back_as_it_is(rest: Rest, api: ApiInstance, gateway: Gateway) -> None:
    found = rest("GET", f"AM/{api.pk}").data
    before = generation(gateway)

    answer = rest("PATCH", f"AM/{api.pk}", found)

    assert answer.status_code == 200, answer.data
    assert generation(gateway) == before


def test_an_upstream_is_added_first_and_routed_then(rest: Rest, api: ApiInstance, gateway: Gateway) -> None:
    made = rest("POST", f"AM/{api.pk}/upstreams", {"uri": "http://new.test/", "label": "new"})
    rest("PATCH", f"AM/{api.pk}", {"instanceLabel": "second"})

    assert made.status_code == 201, made.data
    assert len(rest("GET", f"AM/{api.pk}/upstreams").data["upstreams"]) == 3
    assert "new.test" not in served(gateway)

    routing = [{"upstreams": [{"id": made.data["id"], "weight": 100}]}]
    answer = rest("PATCH", f"AM/{api.pk}", {"routing": routing})

    assert answer.data["routing"][0]["upstreams"][0]["uri"] == "http://new.test/"
    assert "new.test" in served(gateway)


def test_one_upstream_is_changed_and_deleted(rest: Rest, api: ApiInstance) -> None:
    made = rest("POST", f"AM/{api.pk}/upstreams", {"uri": "http://new.test/"}).data
    one = f"AM/{api.pk}/upstreams/{made['id']}"

    changed = rest("PATCH", one, {"label": "spare"})

    assert (changed.data["uri"], changed.data["label"]) == ("http://new.test/", "spare")
    assert rest("DELETE", one).status_code == 204
    assert rest("DELETE", one).status_code == 404
    assert [entry.action for entry in AuditEntry.objects.filter(object_type="upstream").order_by("at")] == [
        "create",
        "update",
        "delete",
    ]


def test_an_upstream_that_a_route_leads_to_stays(rest: Rest, api: ApiInstance) -> None:
    routed = rest("GET", f"AM/{api.pk}/upstreams").data["upstreams"][0]["id"]

    answer = rest("DELETE", f"AM/{api.pk}/upstreams/{routed}")

    assert answer.status_code == 409
    assert "A route leads to" in answer.data["message"]


def test_outbound_holds_for_every_upstream_with_tls(rest: Rest, api: ApiInstance) -> None:
    context = make_tls_context(api.environment, trusted_ca=CERTIFICATE)
    outbound = {"secretGroupId": str(api.environment_id), "tlsContextId": str(context.pk)}

    answer = rest("PATCH", f"AM/{api.pk}", {"endpoint": {"tlsContexts": {"outbound": outbound}}})

    assert answer.status_code == 200, answer.data
    assert answer.data["endpoint"]["tlsContexts"]["outbound"]["tlsContextId"] == str(context.pk)
    assert {one.tls_context for one in api.upstreams.all()} == {context}

    rest("PATCH", f"AM/{api.pk}", {"endpoint": {"tlsContexts": {"outbound": None}}})

    assert {one.tls_context for one in api.upstreams.all()} == {None}


def test_outbound_is_refused_where_nothing_has_tls(rest: Rest, environment: Environment) -> None:
    context = make_tls_context(environment)
    endpoint = {
        "uri": "http://backend.test/",
        "proxyUri": "http://0.0.0.0:8081/x",
        "tlsContexts": {"outbound": {"tlsContextId": str(context.pk)}},
    }

    answer = rest("POST", "AM", {"spec": {"assetId": "x", "version": "1.0.0"}, "endpoint": endpoint})

    assert answer.status_code == 400
    assert "endpoint.tlsContexts.outbound" in answer.data["message"]


def test_upstreams_of_others_are_not_reached(rest: Rest, api: ApiInstance) -> None:
    foreign = make_api(make_gateway(make_environment()))
    row = Upstream.objects.create(api=foreign, uri="http://theirs/")

    assert rest("PATCH", f"AM/{api.pk}/upstreams/{row.pk}", {"label": "mine"}).status_code == 404
    assert rest("POST", f"AM/{foreign.pk}/upstreams", {"uri": "http://x/"}).status_code == 404
