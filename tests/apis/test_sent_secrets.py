"""Shared secrets of a group go to the hosts that it names, whichever way a policy comes to mention them."""

import re
from typing import Any

import orjson
import pytest
from django.core.exceptions import ValidationError

from apis.changes.automated import add
from apis.changes.automated_check import Applies
from apis.changes.instances import undeploy_api
from apis.changes.moving import move_api
from apis.changes.policies import apply_policy, edit_policy, remove_policy, restore_policy
from apis.changes.secret_groups import create_group, edit_group
from apis.deployment import snapshot
from apis.deployment.rollback import rollback
from apis.models import ApiInstance, PolicyBinding
from apis.secret_groups.models import SecretGroup
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.factories import make_environment, make_secret, make_secret_group
from tests.rest import Rest

pytestmark = pytest.mark.django_db

MENTION = "${secret:shop/database}"
LDAP = {
    "ldapServerURL": "ldaps://ldap.acme.example",
    "ldapServerUserDn": "cn=gateway,dc=acme",
    "ldapServerUserPassword": MENTION,
    "ldapSearchBase": "dc=acme",
}
EVIL = LDAP | {"ldapServerURL": "ldaps://evil.example"}
INTROSPECTION = {"authorizationValue": MENTION, "introspectionURL": "https://evil.example/introspect"}
OIDC = {"clientId": "gw", "clientSecret": MENTION, "providerUrl": "https://evil.example/main"}
HOSTS = ["ldap.acme.example"]
WORDS = "may be sent to ldap.acme.example alone"


@pytest.fixture
def place() -> Place:
    return make_place("administrator")


@pytest.fixture
def group(place: Place) -> SecretGroup:
    made = make_secret_group(place.environment, name="shop", sent_to=HOSTS)
    make_secret(made, name="database")
    return made


@pytest.fixture
def api(place: Place, group: SecretGroup) -> ApiInstance:
    found = make_saved_api(place, deploy=True)
    apply_policy(place.user, found, "ldap-authentication", LDAP)
    return found


def passwords(api: ApiInstance) -> list[Any]:
    """As its gateway gets them."""
    resources = orjson.loads(snapshot.build(api.gateway).body)["resources"]  # type: ignore[arg-type]
    configs = [one["spec"]["config"] for one in resources if one["kind"] == "PolicyBinding"]
    return [one["ldapServerUserPassword"] for one in configs if "ldapServerUserPassword" in one]


@pytest.mark.parametrize(
    ("policy", "config", "field"),
    [
        ("ldap-authentication", EVIL, "ldapServerUserPassword"),
        (
            "ldap-authentication",
            EVIL | {"ldapServerURL": "ldaps://a.ldap.acme.example"},
            "ldapServerUserPassword",
        ),
        ("ldap-authentication", {name: LDAP[name] for name in [*LDAP][1:]}, "ldapServerUserPassword"),
        ("oauth2-token-introspection", INTROSPECTION, "authorizationValue"),
        ("openidconnect-access-token-enforcement", OIDC, "clientSecret"),
    ],
)
def test_rest_refuses_another_host_at_the_mention(
    place: Place, group: SecretGroup, policy: str, config: dict[str, str], field: str
) -> None:
    api = make_saved_api(place)
    body = {"assetId": policy, "configurationData": config}

    answer = Rest(place.user, place.environment)("POST", f"AM/{api.pk}/policies", body)

    refused(answer, 400, f"configurationData.{field}")
    assert WORDS in str(answer.data)
    assert not PolicyBinding.objects.exists()


def test_what_a_policy_sends_nowhere_may_be_mentioned(place: Place, group: SecretGroup) -> None:
    basic = {"username": "ann", "password": MENTION}

    assert apply_policy(place.user, make_saved_api(place), "http-basic-authentication", basic).pk


@pytest.mark.parametrize("host", ["ldap.acme.example", "LDAP.acme.example.:636", "ldap.acme.example:1"])
def test_the_group_s_own_hosts_get_it(place: Place, api: ApiInstance, host: str) -> None:
    binding = api.policies.get()

    edit_policy(place.user, binding, LDAP | {"ldapServerURL": f"ldaps://{host}"})

    assert passwords(api) == ["s3cret"]


@pytest.mark.parametrize(
    ("entry", "sent", "instead"),
    [
        ("ldaps://ldap.acme.example", "ldaps://ldap.acme.example:636", "ldap://ldap.acme.example"),
        ("ldap.acme.example:636", "ldaps://ldap.acme.example", "ldaps://ldap.acme.example:1"),
        ("ldap.acme.example:389", "ldap://ldap.acme.example", "ldaps://ldap.acme.example"),
        ("ldaps://*.acme.example:1", "ldaps://ldap.acme.example:1", "ldaps://ldap.acme.example"),
        ("ldaps://[::1]:1", "ldaps://[::1]:1", "ldaps://[::1]:2"),
    ],
)
def test_an_entry_may_name_scheme_and_port(place: Place, entry: str, sent: str, instead: str) -> None:
    group = create_group(place.user, place.environment, "shop", sent_to=[entry])
    make_secret(group, name="database")
    api = make_saved_api(place, deploy=True)
    binding = apply_policy(place.user, api, "ldap-authentication", LDAP | {"ldapServerURL": sent})

    with pytest.raises(ValidationError, match=f"not to {re.escape(instead)}"):
        edit_policy(place.user, binding, LDAP | {"ldapServerURL": instead})

    assert passwords(api) == ["s3cret"]


def test_a_form_refuses_another_host(place: Place, api: ApiInstance) -> None:
    sent = {f"config.{name}": value for name, value in EVIL.items() if name != "ldapServerUserPassword"}
    sent["config.ldapServerUserPassword.mention"] = MENTION

    answer = place.client.post(f"/apis/{api.pk}/policies/{api.policies.get().pk}", sent)

    assert answer.status_code == 422
    assert WORDS in text(answer)


def test_an_automated_policy_is_refused_too(place: Place, group: SecretGroup) -> None:
    with pytest.raises(ValidationError, match=WORDS):
        add(place.user, place.environment, "ldap-authentication", EVIL, Applies())


def test_what_was_before_the_hosts_does_not_come_back(
    place: Place, api: ApiInstance, group: SecretGroup
) -> None:
    """By a rollback, or by restoring a policy that was removed."""
    binding = api.policies.get()
    edit_group(place.user, group, sent_to=[])
    edit_policy(place.user, binding, EVIL)
    api.refresh_from_db()
    astray = api.revision
    removed = remove_policy(place.user, binding)
    edit_group(place.user, group, sent_to=HOSTS)

    with pytest.raises(ValidationError, match=WORDS):
        restore_policy(place.user, api, removed)
    with pytest.raises(ValidationError, match=WORDS):
        rollback(place.user, api, astray)  # type: ignore[arg-type]


def test_an_api_that_moves_is_held_to_the_hosts_there(place: Place, api: ApiInstance) -> None:
    there = make_environment(place.environment.organization)
    make_secret(make_secret_group(there, name="shop", sent_to=["other.example"]), name="database")
    undeploy_api(place.user, api)

    with pytest.raises(ValidationError, match=r"may be sent to other\.example alone"):
        move_api(place.user, api, there)


def test_a_gateway_gets_no_secret_that_would_go_elsewhere(api: ApiInstance, group: SecretGroup) -> None:
    """Whatever way a revision comes to run: nobody is asked when a snapshot is built."""
    assert passwords(api) == ["s3cret"]
    SecretGroup.objects.filter(pk=group.pk).update(sent_to=["other.example"])

    assert passwords(api) == [MENTION]


def test_hosts_that_are_in_use_are_not_left_out(place: Place, api: ApiInstance, group: SecretGroup) -> None:
    with pytest.raises(
        ValidationError, match=rf"{api} sends shop/database to ldap\.acme\.example: name that"
    ):
        edit_group(place.user, group, sent_to=["other.example"])
    group.refresh_from_db()
    edit_group(place.user, group, sent_to=["*.acme.example", "other.example"])

    assert passwords(api) == ["s3cret"]


@pytest.mark.parametrize(
    ("host", "hint"),
    [
        ("ldaps://ldap.acme.example/x", "write ldaps://ldap.acme.example"),
        ("ldaps://ann@ldap.acme.example:1", "write ldaps://ldap.acme.example:1"),
        ("ftp://ldap.acme.example", "is no host"),
        ("ldap.acme.example:0", "is no host"),
        ("ldap.acme.example:70000", "is no host"),
        ("*", "is no host"),
        ("a.*.example", "is no host"),
        ("a b", "is no host"),
    ],
)
def test_what_is_no_host_is_refused(place: Place, host: str, hint: str) -> None:
    with pytest.raises(ValidationError, match=hint):
        create_group(place.user, place.environment, "shop", sent_to=[host])


def test_rest_and_the_form_say_the_hosts(place: Place) -> None:
    rest = Rest(place.user, place.environment)
    made = rest("POST", "SG", {"name": "shop", "sentTo": ["LDAP.acme.example.", "*.acme.example"]})
    kept = ["ldap.acme.example", "*.acme.example"]
    assert rest("GET", f"SG/{made.data['id']}").data["sentTo"] == kept

    address = f"/apis/secret-groups/{made.data['id']}"
    assert "ldap.acme.example" in text(place.client.get(address))
    form = {"name": "shop", "sent_to": ["ldap.acme.example"], "seen": ""}
    place.client.post(f"{address}/edit", form)

    assert SecretGroup.objects.get().sent_to == ["ldap.acme.example"]
    refused(rest("PATCH", f"SG/{made.data['id']}", {"sentTo": ["a b"]}), 400, "sentTo: ")
    assert rest("PATCH", f"SG/{made.data['id']}", {"sentTo": []}).status_code == 200
    assert SecretGroup.objects.get().sent_to == []
