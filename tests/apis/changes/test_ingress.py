"""How a gateway takes requests in: saved by the page, audited, and brought to the gateway."""

from typing import Any

import orjson
import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from apis.changes import ingress
from apis.deployment import snapshot
from console.models import AuditEntry, Role
from console.versions import Changed
from gateways.agent.translate import ir
from gateways.agent.translate.apis import translate
from gateways.models import Gateway
from gateways.protocol.resources import Snapshot
from tests.factories import make_actor, make_api, make_gateway, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway() -> Gateway:
    return make_gateway()


def client_of(gateway: Gateway, role: str = Role.Name.MANAGER) -> Client:
    user, client = make_user(), Client()
    make_role(user, gateway.environment.organization, role)
    client.force_login(user)
    return client


def posted(client: Client, gateway: Gateway, **more: Any) -> Any:
    return client.post(f"/gateways/{gateway.pk}/ingress", {"config.networks": "", "config.hops": "0", **more})


def brought(gateway: Gateway) -> ir.Gateway:
    built = Snapshot.model_validate(orjson.loads(snapshot.build(gateway).body))
    translation = translate(built.resources)
    assert not [one for one in translation.faults if not one.is_warning]
    return translation.gateway


def test_nobody_is_trusted_at_first(gateway: Gateway) -> None:
    assert brought(gateway).trusted == ir.TrustedProxies()
    assert "trustedProxies" not in snapshot.build(gateway).body.decode()


def test_what_the_page_saves_comes_to_the_gateway_and_into_its_history(gateway: Gateway) -> None:
    api = make_api(gateway)
    client = client_of(gateway)

    answer = posted(
        client,
        gateway,
        **{"config.networks": "10.0.0.0/8\n2001:db8::1", "config.usesProxyProtocol": "on"},
    )

    assert answer.status_code == 302
    before, gateway = gateway.generation, Gateway.objects.get(pk=gateway.pk)
    api.refresh_from_db()
    assert gateway.generation == api.changed_generation == before + 1
    assert brought(gateway).trusted == ir.TrustedProxies(("10.0.0.0/8", "2001:db8::1/128"))
    assert brought(gateway).uses_proxy_protocol
    entry = AuditEntry.objects.get(object_type="gateway", object_id=str(gateway.pk))
    assert entry.diff["networks"] == [[], ["10.0.0.0/8", "2001:db8::1/128"]]
    assert "10.0.0.0/8" in client.get(f"/gateways/{gateway.pk}/ingress").content.decode()


def test_saving_the_same_changes_nothing(gateway: Gateway) -> None:
    posted(client_of(gateway), gateway)

    gateway.refresh_from_db()
    assert gateway.generation == 0
    assert not AuditEntry.objects.filter(object_type="gateway").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"config.networks": "10.0.0.1/8"}, "write 10.0.0.0/8"),
        ({"config.networks": "proxy.example"}, "is not a network"),
        ({"config.networks": "10.0.0.0/8", "config.hops": "-1"}, "Write 0 or more"),
        ({"config.networks": "10.0.0.0/8", "config.hops": "99"}, "Write 10 or less"),
        ({"config.networks": "\n".join(f"10.0.{n}.0/24" for n in range(201))}, "200 at most"),
        ({"config.usesProxyProtocol": "on"}, "Name the trusted networks"),
        ({"config.slashes": "merge"}, "as-sent"),
    ],
)
def test_what_cannot_act_is_said_at_its_field_and_nothing_is_saved(
    gateway: Gateway, given: dict[str, str], message: str
) -> None:
    answer = posted(client_of(gateway), gateway, **given)

    gateway.refresh_from_db()
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert (gateway.trusted_networks, gateway.generation) == ([], 0)


def test_the_second_of_two_editors_is_told(gateway: Gateway) -> None:
    first, seen = make_actor(), ingress.seen(gateway)
    ingress.change(first, gateway, {"networks": ["10.0.0.0/8"]}, seen_version=seen)

    with pytest.raises(Changed):
        ingress.change(first, gateway, {"networks": []}, seen_version=seen)
    answer = posted(client_of(gateway), gateway, seen=seen)

    assert answer.status_code == 409
    assert "after you opened it" in answer.content.decode()
    assert brought(gateway).trusted.networks == ("10.0.0.0/8",)


def test_proxy_protocol_of_nobody_is_refused(gateway: Gateway) -> None:
    with pytest.raises(ValidationError, match="it is taken from"):
        ingress.change(make_actor(), gateway, {"usesProxyProtocol": True})


def test_slashes_are_the_gateways_where_they_are_set(gateway: Gateway) -> None:
    client = client_of(gateway)
    assert brought(gateway).slashes is None

    answer = posted(client, gateway, **{"config.slashes": "refuse"})

    gateway.refresh_from_db()
    assert answer.status_code == 302
    assert brought(gateway).slashes == "refuse"
    assert "For all APIs of the gateway" in client.get(f"/gateways/{gateway.pk}/ingress").content.decode()


def rest_of(gateway: Gateway, role: str = Role.Name.MANAGER) -> Rest:
    user = make_user()
    make_role(user, gateway.environment.organization, role)
    return Rest(user, gateway.environment)


def path_of(gateway: Gateway) -> str:
    return f"AMX/gateway-targets/{gateway.pk}/ingress"


def test_rest_changes_what_it_names_in_the_words_of_the_resources(gateway: Gateway) -> None:
    rest, path = rest_of(gateway), path_of(gateway)
    first = rest("GET", path)

    one = rest("PATCH", path, {"trustedProxies": {"networks": ["10.0.0.0/8"]}})
    two = rest("PATCH", path, {"paths": {"slashes": "normalize"}}, **{"If-Match": one["ETag"]})
    late = rest("PATCH", path, {"paths": {"slashes": "refuse"}}, **{"If-Match": first["ETag"]})

    gateway.refresh_from_db()
    assert first.data == {
        "trustedProxies": {"networks": [], "hops": 0},
        "proxyProtocol": {"enabled": False},
        "paths": {"slashes": "default"},
    }
    assert two.data["trustedProxies"] == {"networks": ["10.0.0.0/8"], "hops": 0}
    assert late.status_code == 412
    assert brought(gateway).trusted == ir.TrustedProxies(("10.0.0.0/8",))
    assert brought(gateway).slashes == "normalize"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"trustedProxies": {"networks": ["10.0.0.1/8"]}}, "trustedProxies.networks"),
        ({"trustedProxies": {"hops": 11}}, "trustedProxies.hops"),
        ({"proxyProtocol": {"enabled": True}}, "proxyProtocol.enabled"),
        ({"paths": {"slashes": "merge"}}, "paths.slashes"),
        ({"trusted": {}}, "trusted"),
        ({"trustedProxies": {"network": []}}, "network"),
    ],
)
def test_rest_refuses_what_cannot_act_by_its_field(
    gateway: Gateway, body: dict[str, Any], field: str
) -> None:
    answer = rest_of(gateway)("PATCH", path_of(gateway), body)

    gateway.refresh_from_db()
    assert answer.status_code == 400, answer.data
    assert field in answer.content.decode()
    assert gateway.generation == 0


def test_rest_warns_where_everybody_is_believed(gateway: Gateway) -> None:
    answer = rest_of(gateway)("PATCH", path_of(gateway), {"trustedProxies": {"hops": 1}})

    assert "trustedProxies.hops: everybody who connects is believed" in answer["Warning"]


def test_rest_of_a_viewer_and_of_a_stranger(gateway: Gateway) -> None:
    viewer, path = rest_of(gateway, Role.Name.VIEWER), path_of(gateway)
    user = make_user()
    make_role(user, make_gateway().environment.organization)

    assert viewer("GET", path).status_code == 200
    assert viewer("PATCH", path, {"paths": {"slashes": "refuse"}}).status_code == 403
    assert Rest(user, gateway.environment)("GET", path).status_code == 404
