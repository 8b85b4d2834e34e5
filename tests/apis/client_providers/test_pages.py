"""Pages and REST of client providers: chosen for an environment, tested, and shown where they act."""

import ssl
from collections.abc import Iterator
from tempfile import NamedTemporaryFile
from typing import Any

import pytest

from apis.changes import client_providers as change
from apis.changes.policies import apply_policy
from apis.client_providers.models import Chosen, ClientProvider
from console.models import AuditEntry, Role
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.certificates import self_signed
from tests.factories import (
    make_client_provider,
    make_environment,
    make_organization,
    make_secret,
    make_secret_group,
)
from tests.policies.provider import Provider
from tests.policies.provider import provider as serving_provider
from tests.rest import Rest

pytestmark = pytest.mark.django_db

OIDC = "openidconnect-access-token-enforcement"
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def place() -> Place:
    return make_place(Role.Name.ADMINISTRATOR)


@pytest.fixture
def server() -> Iterator[Provider]:
    with serving_provider() as made:
        made.documents[DISCOVERY] = {
            "issuer": made.url,
            "introspection_endpoint": f"{made.url}/introspect",
            "jwks_uri": f"{made.url}/jwks",
        }
        yield made


def rest(place: Place, path: str = "") -> str:
    return f"/accounts/api/organizations/{place.environment.organization_id}{path}"


def send(place: Place, method: str, path: str, body: Any = None, **headers: str) -> Any:
    answer = Rest(place.user)(method, path, body, **headers)
    return answer.status_code, answer.data


def told_of(place: Place, server: Provider, **fields: Any) -> str:
    made = make_client_provider(place.environment.organization, **{"discovery_url": server.url, **fields})
    return text(place.client.post(f"/administration/client-providers/{made.pk}/test"))


def test_tested_one_shows_what_it_says(place: Place, server: Provider) -> None:
    page = told_of(place, server)

    assert f"{server.url}/introspect" in page
    assert f"{server.url}/jwks" in page
    assert "It takes the credentials" in page
    assert server.forms[0]["client_secret"] == "s3cret"
    assert "s3cret" not in page


def test_introspection_url_by_hand_is_tested_too(place: Place, server: Provider) -> None:
    page = told_of(place, server, discovery_url="", introspection_url=f"{server.url}/introspect")

    assert "It takes the credentials" in page


@pytest.mark.parametrize(
    ("lie", "fields", "words"),
    [
        ({"issuer": "https://other.example.com"}, {}, "that of another issuer"),
        ({"introspection_endpoint": None}, {}, "names no introspection_endpoint"),
        ({"introspection_endpoint": "http://10.0.0.7/"}, {}, "an address that is not asked"),
        ({"introspection_endpoint": "http://[idp"}, {}, "an address that is not asked"),
        ({"jwks_uri": "\ud800"}, {}, "a text that is none"),
        ({}, {"client_secret": "wrong"}, "does not take the client id and secret"),
    ],
)
def test_what_stands_in_the_way_is_told(
    place: Place, server: Provider, lie: dict[str, Any], fields: dict[str, Any], words: str
) -> None:
    server.documents[DISCOVERY] |= lie

    assert words in told_of(place, server, **fields)


def test_provider_that_believes_everything_is_told(place: Place, server: Provider) -> None:
    server.answer = (200, b'{"active": true}')

    assert "calls a token active that was made up" in told_of(place, server)


def test_a_test_trusts_the_truststores_of_its_own_organization_alone(place: Place, server: Provider) -> None:
    pair = self_signed()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with NamedTemporaryFile("w") as file:
        file.write(pair["key"] + pair["crt"])
        file.flush()
        context.load_cert_chain(file.name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    made = make_client_provider(place.environment.organization, discovery_url="", introspection_url=url)
    below = make_environment(make_organization(parent=place.environment.organization))
    page, told = f"/administration/client-providers/{made.pk}/test", []

    for environment in (below, place.environment):
        group = make_secret_group(environment)
        store = make_secret(group, kind="truststore", content={"trusted_ca": pair["crt"]})
        Chosen.objects.create(environment=environment, provider=made, truststore=store)
        told.append(text(place.client.post(page)))

    assert "CERTIFICATE_VERIFY_FAILED" in told[0] or "certificate" in told[0]
    assert "It takes the credentials" not in told[0]
    assert "It takes the credentials" in told[1]
    assert len(server.forms) == 1


def test_environment_chooses_one_on_its_page(place: Place) -> None:
    made = make_client_provider(place.environment.organization, name="Keycloak")
    store = make_secret(make_secret_group(place.environment), kind="truststore", content={"trusted_ca": ""})
    page = f"/administration/environments/{place.environment.pk}"
    assert "Keycloak" in text(place.client.get(page))

    answer = place.client.post(f"{page}/client-provider", {"provider": made.pk, "truststore": store.pk})

    assert answer.status_code == 302
    assert Chosen.objects.get().truststore == store
    assert text(place.client.get(made.get_absolute_url())).count(str(place.environment)) >= 1
    entry = AuditEntry.objects.order_by("pk").last()
    assert entry is not None
    assert "Keycloak" in str(entry.diff)


def test_choice_that_another_changed_is_not_overwritten_unseen(place: Place) -> None:
    one, other = (make_client_provider(place.environment.organization) for _ in range(2))
    seen = change.version_of(change.chosen_of(place.environment))
    change.choose(place.user, place.environment, one)
    address = f"/administration/environments/{place.environment.pk}/client-provider"

    refused = place.client.post(address, {"provider": other.pk, "seen": seen})

    assert refused.status_code == 422
    assert "Somebody changed this" in text(refused)
    assert Chosen.objects.get().provider == one


def test_policys_page_says_which_provider_acts(place: Place) -> None:
    api = make_saved_api(place)
    address = f"/apis/{api.pk}/policies/add/{OIDC}"
    assert "has no client provider" in text(place.client.get(address))
    made = make_client_provider(place.environment.organization, name="Keycloak")
    change.choose(place.user, place.environment, made)

    assert "<b>Keycloak</b>" in text(place.client.get(address))
    binding = apply_policy(place.user, api, OIDC, {"scopes": "read"})
    assert "<b>Keycloak</b>" in text(place.client.get(f"/apis/{api.pk}/policies/{binding.pk}"))
    assert str(api) in text(place.client.get(f"/administration/environments/{place.environment.pk}"))


def test_rest_keeps_the_secret_and_names_the_clients_fields(place: Place) -> None:
    body = {
        "name": "Keycloak",
        "discoveryUrl": "https://idp.example.com",
        "clientId": "gw",
        "clientSecret": "s",
    }
    status, made = send(place, "POST", rest(place, "/clientProviders"), body)
    assert (status, made["name"], made["clientSecret"]) == (201, "Keycloak", "******")
    one = rest(place, f"/clientProviders/{made['id']}")

    status, told = send(place, "PATCH", one, {"introspectionUrl": "https://idp.example.com/ask"})
    assert (status, "discoveryUrl" in str(told)) == (400, True)
    status, told = send(place, "PATCH", one, {"discoveryUrl": "https://[idp"})
    assert (status, "no address" in str(told)) == (400, True)
    status, told = send(place, "PATCH", one, {"timeoutMs": 500})
    assert (status, told["timeoutMs"]) == (200, 500)
    assert ClientProvider.objects.get().client_secret == "s"
    assert send(place, "PATCH", one, {"timeoutMs": 600}, **{"If-Match": '"old"'})[0] == 412
    assert send(place, "GET", rest(place, "/clientProviders"))[1]["total"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"discoveryUrl": "https://evil.example"},
        {"discoveryUrl": "https://idp.example.com:8443/realms/main"},
        {"discoveryUrl": "", "introspectionUrl": "https://evil.example/introspect"},
    ],
)
def test_its_secret_goes_to_no_other_address(place: Place, change: dict[str, str]) -> None:
    made = make_client_provider(place.environment.organization)
    one = rest(place, f"/clientProviders/{made.pk}")
    names = {"discoveryUrl": "discovery_url", "introspectionUrl": "introspection_url"}
    form = {"name": made.name, "client_id": "gateway", "timeout_ms": 500}

    status, told = send(place, "PATCH", one, change)
    page = place.client.post(
        made.get_absolute_url(), form | {names[name]: url for name, url in change.items()}
    )

    assert (status, "clientSecret" in str(told), "Write it anew" in str(told)) == (400, True, True)
    assert (page.status_code, "Write it anew" in text(page)) == (422, True)
    made.refresh_from_db()
    assert made.discovery_url == "https://idp.example.com/realms/main"
    assert send(place, "PATCH", one, change | {"clientSecret": "new"})[0] == 200
    assert send(place, "PATCH", one, {"timeoutMs": 600})[0] == 200
    assert send(place, "PATCH", one, send(place, "GET", one)[1])[0] == 200
    made.refresh_from_db()
    assert made.client_secret == "new"


def test_its_secret_stays_at_another_path_of_its_address(place: Place) -> None:
    made = make_client_provider(place.environment.organization)
    body = {"discoveryUrl": "", "introspectionUrl": "https://IDP.example.com:443/introspect"}

    assert send(place, "PATCH", rest(place, f"/clientProviders/{made.pk}"), body)[0] == 200
    assert ClientProvider.objects.get().client_secret == "s3cret"


def test_rest_chooses_and_says_who_uses_it(place: Place) -> None:
    made = make_client_provider(place.environment.organization, name="Keycloak")
    chosen = rest(place, f"/environments/{place.environment.pk}/clientProvider")
    assert send(place, "GET", chosen)[0] == 404

    status, told = send(place, "PUT", chosen, {"providerId": str(made.pk)})
    assert (status, told["name"]) == (200, "Keycloak")
    foreign = make_client_provider()
    assert send(place, "PUT", chosen, {"providerId": str(foreign.pk)})[0] == 400
    apply_policy(place.user, make_saved_api(place), OIDC, {})

    status, told = send(place, "DELETE", rest(place, f"/clientProviders/{made.pk}"))
    assert (status, str(place.environment) in str(told)) == (409, True)
    status, told = send(place, "DELETE", chosen)
    assert (status, "Orders" in str(told)) == (409, True)


def test_managers_neither_see_nor_choose(place: Place) -> None:
    made = make_client_provider(place.environment.organization)
    manager = make_place(Role.Name.MANAGER, place.environment)

    assert manager.client.get("/administration/client-providers").status_code == 403
    assert manager.client.get(made.get_absolute_url()).status_code == 403
    assert send(manager, "GET", rest(place, "/clientProviders"))[0] == 403
    choice = rest(place, f"/environments/{place.environment.pk}/clientProvider")
    assert send(manager, "PUT", choice, {"providerId": str(made.pk)})[0] == 403
