"""A stored secret of a policy goes to no other address: who changes the address writes it anew."""

from typing import Any

import pytest
from pydantic import SecretStr

from apis.automated.models import AutomatedPolicy
from apis.changes.policies import apply_policy
from apis.models import PolicyBinding
from apis.portable.exporting import yaml_of
from apis.promotions import importing
from console.audit import HIDDEN
from policies import catalog
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_automated
from tests.rest import Rest

pytestmark = pytest.mark.django_db

STORED = "Basic c3RvcmVk"
LDAP = {
    "ldapServerURL": "ldaps://ldap.acme.example",
    "ldapServerUserDn": "cn=gateway,dc=acme",
    "ldapServerUserPassword": STORED,
    "ldapSearchBase": "dc=acme",
}
INTROSPECTION = {"introspectionURL": "https://idp.acme.example/introspect", "authorizationValue": STORED}
OIDC = {"providerUrl": "https://idp.acme.example/main", "clientId": "gw", "clientSecret": STORED}
ELSEWHERE = [
    ("ldap-authentication", LDAP, {"ldapServerURL": "ldaps://evil.example"}),
    ("ldap-authentication", LDAP, {"ldapServerURL": "ldap://ldap.acme.example"}),
    ("ldap-authentication", LDAP, {"ldapServerURL": "ldaps://ldap.acme.example:6360"}),
    ("ldap-authentication", LDAP, {"ldapServerURL": None}),
    ("ldap-authentication", LDAP, {"ldapServerURL": None, "ldap_server_url": "ldaps://evil.example"}),
    ("oauth2-token-introspection", INTROSPECTION, {"introspectionURL": "https://evil.example/introspect"}),
    ("openidconnect-access-token-enforcement", OIDC, {"providerUrl": "https://evil.example/main"}),
    (
        "openidconnect-access-token-enforcement",
        OIDC,
        {"providerUrl": None, "introspectionUrl": "https://evil.example/introspect"},
    ),
]
SAME = [
    (
        "ldap-authentication",
        LDAP,
        {"ldapServerURL": "ldaps://LDAP.acme.example:636", "ldapSearchBase": "c=a"},
    ),
    ("oauth2-token-introspection", INTROSPECTION, {"introspectionURL": "https://idp.acme.example/v2/ask"}),
    (
        "openidconnect-access-token-enforcement",
        OIDC,
        {"providerUrl": None, "introspectionUrl": "https://idp.acme.example/introspect"},
    ),
]
SECRETS = {"ldapServerUserPassword", "authorizationValue", "clientSecret"}
ANEW = "Write it anew"


@pytest.fixture
def place() -> Place:
    return make_place("administrator")


def changed(config: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """As who cannot read the secret sends it."""
    whole = {key: value for key, value in (config | change).items() if value is not None}
    return {key: value for key, value in whole.items() if key not in SECRETS}


def secret_of(config: dict[str, Any]) -> str:
    return next(key for key in config if key in SECRETS)


@pytest.mark.parametrize(("policy", "config", "change"), ELSEWHERE)
@pytest.mark.parametrize("left", [None, "", HIDDEN])
def test_rest_asks_for_it_at_its_field(
    place: Place, policy: str, config: dict[str, Any], change: dict[str, Any], left: str | None
) -> None:
    binding = apply_policy(place.user, make_saved_api(place), policy, config)
    name, path = secret_of(config), f"AM/{binding.api_id}/policies/{binding.pk}"
    sent = changed(config, change) | ({} if left is None else {name: left})

    answer = Rest(place.user, place.environment)("PATCH", path, {"configurationData": sent})

    refused(answer, 400, f"configurationData.{name}")
    assert ANEW in str(answer.data)
    binding.refresh_from_db()
    assert (binding.config[next(iter(config))], list(binding.secrets.values())) == (
        config[next(iter(config))],
        [STORED],
    )
    again = {"configurationData": sent | {name: "Basic bmV3"}}
    assert Rest(place.user, place.environment)("PATCH", path, again).status_code == 200


@pytest.mark.parametrize(("policy", "config", "change"), SAME)
def test_another_path_of_the_same_server_keeps_it(
    place: Place, policy: str, config: dict[str, Any], change: dict[str, Any]
) -> None:
    binding = apply_policy(place.user, make_saved_api(place), policy, config)
    path = f"AM/{binding.api_id}/policies/{binding.pk}"

    body = {"configurationData": changed(config, change)}
    answer = Rest(place.user, place.environment)("PATCH", path, body)

    assert answer.status_code == 200, answer.data
    assert list(PolicyBinding.objects.get().secrets.values()) == [STORED]


def test_a_form_asks_for_it_at_its_field(place: Place) -> None:
    binding = apply_policy(place.user, make_saved_api(place), "ldap-authentication", LDAP)
    address = f"/apis/{binding.api_id}/policies/{binding.pk}"
    sent = {f"config.{key}": value for key, value in changed(LDAP, {}).items()}
    evil = sent | {"config.ldapServerURL": "ldaps://evil.example", "config.ldapServerUserPassword": ""}

    answer = place.client.post(address, evil)

    assert answer.status_code == 422
    assert ANEW in text(answer)
    assert PolicyBinding.objects.get().config["ldapServerURL"] == LDAP["ldapServerURL"]


def test_an_automated_policy_asks_for_it_too(place: Place) -> None:
    made = make_automated(
        place.environment,
        policy="ldap-authentication",
        config=changed(LDAP, {}),
        secrets={"ldapServerUserPassword": STORED},
    )
    e = place.environment
    path = f"/apimanager/api/v1/organizations/{e.organization_id}/automated-policies/{made.pk}"
    evil = changed(LDAP, {"ldapServerURL": "ldaps://evil.example"})

    answer = Rest(place.user)("PATCH", path, {"configurationData": evil})
    form = {f"config.{key}": value for key, value in evil.items()}
    page = place.client.post(f"/apis/automated/{made.pk}/edit", form)

    refused(answer, 400, "configurationData.ldapServerUserPassword")
    assert (page.status_code, ANEW in text(page)) == (422, True)
    assert AutomatedPolicy.objects.get().config["ldapServerURL"] == LDAP["ldapServerURL"]


def test_an_import_asks_for_it_as_for_one_that_is_missing(place: Place) -> None:
    binding = apply_policy(place.user, make_saved_api(place), "oauth2-token-introspection", INTROSPECTION)
    e = place.environment
    root = f"/apimanager/api/v1/organizations/{e.organization_id}/environments/{e.pk}/api-imports"
    rest = Rest(place.user, e)
    file = yaml_of([binding.api])
    answers = []
    for sent in (
        file.replace("idp.acme.example", "evil.example"),
        file.replace("example/introspect", "example/v2/ask"),
    ):
        upload = rest("POST", root, sent).data["id"]
        importing.read(upload)
        answers.append(rest("POST", f"{root}/{upload}/apis/0", {}))

    refused(answers[0], 400, "secrets.ORDERS_OAUTH2_TOKEN_INTROSPECTION_1_AUTHORIZATIONVALUE")
    assert answers[1].status_code == 200, answers[1].data
    binding.refresh_from_db()
    assert binding.config["introspectionURL"].startswith("https://idp.acme.example/v2/ask")
    assert binding.secrets == {"authorizationValue": STORED}


@pytest.mark.parametrize("policy", catalog.policies(), ids=lambda one: one.name)
def test_each_policy_that_asks_a_server_with_a_secret_says_where_it_goes(policy: Any) -> None:
    policy.config.model_rebuild()
    fields = {info.alias: info for info in policy.config.model_fields.values()}
    secrets = {name for name, info in fields.items() if SecretStr.__name__ in repr(info.annotation)}
    addresses = {name for name in fields if name and ("url" in name.lower() or "uri" in name.lower())}
    # The key of a JWT stands beside the address of others; it is sent nowhere.
    sent = secrets - {"textKey"} if addresses else set()

    assert set(policy.sends) == sent
    assert all(set(where) <= addresses for where in policy.sends.values())
