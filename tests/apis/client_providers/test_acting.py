"""An environment's client provider acts in policies that name none, and follows a change."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
import yaml
from django.core.exceptions import PermissionDenied, ValidationError

from apis.changes import client_providers as change
from apis.changes.automated import add
from apis.changes.automated_check import Applies
from apis.changes.moving import move_api
from apis.changes.policies import apply_policy, edit_policy, remove_policy
from apis.changes.reviving import problems
from apis.changes.secrets import delete_secret
from apis.client_providers.models import Chosen, ClientProvider
from apis.deployment import snapshot
from apis.deployment.pending import pending_of
from apis.lint.subject import subject
from apis.models import ApiInstance
from apis.portable import exporting, reading
from apis.promotions import promoting
from apis.promotions.choices import proposed
from apis.revisions import export
from apis.testing import whole
from console.models import AuditEntry, Role
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.factories import (
    make_client_provider,
    make_environment,
    make_gateway,
    make_organization,
    make_secret,
    make_secret_group,
)

pytestmark = pytest.mark.django_db

OIDC = "openidconnect-access-token-enforcement"
FILLED = {
    "providerUrl": "https://idp.example.com/realms/main",
    "introspectionUrl": "",
    "clientId": "gateway",
    "clientSecret": "s3cret",
    "trustedCA": "",
}


@pytest.fixture
def place() -> Place:
    return make_place(Role.Name.ADMINISTRATOR)


@pytest.fixture
def provider(place: Place) -> ClientProvider:
    found = make_client_provider(place.environment.organization, name="Keycloak")
    change.choose(place.user, place.environment, found)
    return found


@pytest.fixture
def api(place: Place, provider: ClientProvider) -> ApiInstance:
    found = make_saved_api(place, deploy=True)
    apply_policy(place.user, found, OIDC, {"scopes": "read"})
    found.refresh_from_db()
    return found


def configs(api: ApiInstance) -> list[dict[str, Any]]:
    """As its gateway gets them."""
    resources = orjson.loads(snapshot.build(api.gateway).body)["resources"]  # type: ignore[arg-type]
    return [one["spec"]["config"] for one in resources if one["kind"] == "PolicyBinding"]


def acting(api: ApiInstance) -> dict[str, Any]:
    return next(one for one in configs(api) if "clientId" in one or "scopes" in one)


def test_gateway_gets_what_the_provider_says_and_no_revision_does(api: ApiInstance) -> None:
    assert acting(api).items() >= {**FILLED, "scopes": "read"}.items()
    assert api.revision is not None
    assert "idp.example.com" not in api.revision.documents
    assert api.revision.refers_to == ["/client-provider"]
    assert api.policies.get().config == {"scopes": "read"}
    assert api.policies.get().secrets == {}
    assert "s3cret" not in str([entry.diff for entry in AuditEntry.objects.all()])


def test_changed_provider_is_in_force_and_nothing_is_pending(
    place: Place, api: ApiInstance, provider: ClientProvider
) -> None:
    configs(api)
    before, revision = api.gateway.generation, api.revision_id  # type: ignore[union-attr]
    provider.discovery_url = "https://other.example.com/.well-known/openid-configuration"

    change.save(place.user, provider, "renewed")

    api.refresh_from_db()
    api.gateway.refresh_from_db()  # type: ignore[union-attr]
    assert api.gateway.generation > before  # type: ignore[union-attr]
    assert (acting(api)["providerUrl"], acting(api)["clientSecret"]) == (
        "https://other.example.com",
        "renewed",
    )
    assert api.revision_id == revision
    assert not pending_of([api])


def test_another_choice_is_in_force_with_its_truststore(place: Place, api: ApiInstance) -> None:
    store = make_secret(
        make_secret_group(place.environment), kind="truststore", content={"trusted_ca": "PEM"}, told={}
    )
    other = make_client_provider(
        place.environment.organization, discovery_url="", introspection_url="https://other.example.com/ask"
    )

    change.choose(place.user, place.environment, other, store)

    assert (
        acting(api).items()
        >= {
            "providerUrl": "",
            "introspectionUrl": "https://other.example.com/ask",
            "trustedCA": "PEM",
        }.items()
    )
    with pytest.raises(ValidationError, match="client provider"):
        delete_secret(place.user, store)


def test_shorter_wait_holds(place: Place, api: ApiInstance, provider: ClientProvider) -> None:
    assert "authenticationTimeout" not in acting(api), "both wait for as long as policies do"
    edit_policy(place.user, api.policies.get(), {"authenticationTimeout": 500})
    assert acting(api)["authenticationTimeout"] == 500

    provider.timeout_ms = 200
    change.save(place.user, provider)

    assert acting(api)["authenticationTimeout"] == 200


def test_provider_of_the_policys_own_acts_instead(place: Place, api: ApiInstance) -> None:
    own = {"providerUrl": "https://own.example.com", "clientId": "me", "clientSecret": "mine"}
    edit_policy(place.user, api.policies.get(), own)
    assert acting(api) == own

    edit_policy(place.user, api.policies.get(), {"providerUrl": "", "clientId": ""})

    assert acting(api)["clientSecret"] == "s3cret"
    assert api.policies.get().secrets == {}, "a secret that acts no more is not kept"


def test_automated_policy_asks_for_it_too(place: Place, provider: ClientProvider) -> None:
    api = make_saved_api(place, deploy=True)
    add(place.user, place.environment, OIDC, {}, Applies())
    assert acting(api)["clientSecret"] == "s3cret"

    change.save(place.user, provider, "renewed")

    assert acting(api)["clientSecret"] == "renewed"
    with pytest.raises(ValidationError, match="automated policy"):
        change.choose(place.user, place.environment, None)


def test_environment_without_one_refuses_policies_that_name_none(place: Place) -> None:
    api = make_saved_api(place)

    with pytest.raises(ValidationError) as refused:
        apply_policy(place.user, api, OIDC, {})

    assert "has no client provider" in refused.value.message_dict["config.providerUrl"][0]


def test_what_is_used_is_neither_deleted_nor_taken_away(
    place: Place, api: ApiInstance, provider: ClientProvider
) -> None:
    with pytest.raises(ValidationError, match=f"is the client provider of {place.environment}"):
        change.delete(place.user, provider)
    with pytest.raises(ValidationError, match="Orders"):
        change.choose(place.user, place.environment, None)
    remove_policy(place.user, api.policies.get(), deploy=False)
    with pytest.raises(ValidationError, match="Orders"):
        change.choose(place.user, place.environment, None)

    Chosen.objects.all().delete()
    assert acting(api)["deletedClientProvider"] == "none", "a gateway refuses the API"
    assert any("client provider" in one.message for one in problems(api, api.revision))  # type: ignore[arg-type]


def test_unused_one_is_taken_away_and_deleted(place: Place, provider: ClientProvider) -> None:
    change.choose(place.user, place.environment, None)
    change.delete(place.user, provider)

    assert not ClientProvider.objects.exists()


def test_only_providers_from_here_and_above_are_chosen(place: Place) -> None:
    foreign = make_client_provider()
    below = make_organization(parent=place.environment.organization)
    store = make_secret(make_secret_group(), kind="truststore", content={"trusted_ca": ""}, told={})
    mine = make_client_provider(place.environment.organization)

    with pytest.raises(ValidationError, match="another organization"):
        change.choose(place.user, place.environment, foreign)
    with pytest.raises(ValidationError, match="no truststore"):
        change.choose(place.user, place.environment, mine, store)
    change.choose(place.user, make_environment(below), mine)
    with pytest.raises(PermissionDenied):
        change.choose(make_place().user, place.environment, mine)


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"discovery_url": ""}, "discovery_url", "one of the two"),
        ({"introspection_url": "https://a.example.com"}, "discovery_url", "one of the two"),
        ({"discovery_url": "http://idp.example.com"}, "discovery_url", "begins with https://"),
        ({"discovery_url": "https://idp.example.com?a=b"}, "discovery_url", "issuer's address alone"),
        ({"discovery_url": "https://idp.example.com/ä"}, "discovery_url", "letter with a mark"),
        ({"client_secret": None}, "secret", "Write the secret"),
        ({"timeout_ms": 1}, "timeout_ms", "greater than or equal"),
    ],
)
def test_what_could_not_be_asked_is_refused(
    place: Place, fields: dict[str, Any], field: str, words: str
) -> None:
    given = {"name": "x", "discovery_url": "https://idp.example.com", "client_id": "gateway", **fields}
    secret = given.pop("client_secret", "s3cret") or ""

    with pytest.raises(ValidationError) as refused:
        change.save(place.user, ClientProvider(organization=place.environment.organization, **given), secret)

    assert words in refused.value.message_dict[field][0]


def test_api_moves_only_to_where_there_is_one(place: Place, provider: ClientProvider) -> None:
    api = make_saved_api(place)
    apply_policy(place.user, api, OIDC, {})
    there = make_environment(place.environment.organization)

    with pytest.raises(ValidationError, match="has none"):
        move_api(place.user, api, there)
    change.choose(place.user, there, provider)
    move_api(place.user, api, there)


def test_promoted_api_asks_the_provider_of_where_it_comes(place: Place, api: ApiInstance) -> None:
    there = make_environment(place.environment.organization, name="Production")
    make_gateway(there)
    choices = proposed(place.user, api, there, None)
    choices = replace(choices, uris=dict.fromkeys(choices.uris, "http://prod:8080/"))
    with pytest.raises(ValidationError, match="Production has no client provider"):
        promoting.promote(place.user, api, choices)

    change.choose(place.user, there, make_client_provider(there.organization, client_id="production"))
    made = promoting.promote(place.user, api, choices, deploy=True).api

    assert acting(made)["clientId"] == "production"
    assert made.policies.get().config == {"scopes": "read"}


def test_rehearsal_linter_and_exports_know_it(place: Place, api: ApiInstance) -> None:
    told = [one["spec"].get("config", {}) for one in whole.documents(api)]
    assert any(one.get("clientSecret") == "s3cret" for one in told)
    (applied,) = subject(api).inbound
    assert applied.config is not None
    portable = exporting.yaml_of([api])

    for text in (export.yaml_of(api.revision), portable):  # type: ignore[arg-type]
        assert "s3cret" not in text
        (config,) = (
            one["spec"]["config"]
            for one in yaml.safe_load_all(text)
            if one["kind"] == "PolicyBinding" and one["spec"]["policyRef"]["name"] == OIDC
        )
        assert config["providerUrl"] == FILLED["providerUrl"]
        assert config["clientSecret"] == "$CLIENT_PROVIDER_KEYCLOAK_SECRET"
    apis, faults = reading.read(portable)
    assert not faults
    (policy,) = apis[0].policies
    assert (policy.config, policy.secrets) == ({"scopes": "read"}, {}), "where it goes, that one's acts"


def test_file_takes_nothing_else_away_by_its_mark(api: ApiInstance) -> None:
    mark, stays = "gatewright/from-client-provider", "gatewright/own-document"
    portable = exporting.yaml_of([api]).replace(f"{mark}: Keycloak", f"{mark}: x\n    {stays}: scopes")
    assert stays in portable

    apis, _ = reading.read(portable)

    (policy,) = apis[0].policies
    assert policy.config == {"scopes": "read"}


def test_keys_of_the_provider_are_those_of_its_tokens(
    place: Place, api: ApiInstance, provider: ClientProvider
) -> None:
    """JWT Validation, where it is to take the provider's keys."""
    remove_policy(place.user, api.policies.get())
    row = apply_policy(place.user, api, "jwt-validation", {"jwtKeyOrigin": "provider"})

    (config,) = (one for one in configs(api) if "jwtKeyOrigin" in one)
    assert config == {"jwtKeyOrigin": "provider", "providerUrl": FILLED["providerUrl"], "trustedCA": ""}
    assert row.config == {"jwtKeyOrigin": "provider"}
    provider.discovery_url, provider.introspection_url = "", "https://other.example.com/ask"
    change.save(place.user, provider, "another")
    with pytest.raises(ValidationError, match="discovery document"):
        edit_policy(place.user, row, {"jwtKeyOrigin": "provider", "leewaySeconds": 3})


def test_form_says_which_provider_acts_where_one_is_asked(place: Place, api: ApiInstance) -> None:
    remove_policy(place.user, api.policies.get())
    address = f"/apis/{api.pk}/policies/add/jwt-validation"
    assert "Keycloak" not in place.client.get(address).content.decode()

    row = apply_policy(place.user, api, "jwt-validation", {"jwtKeyOrigin": "provider"})

    shown = place.client.get(f"/apis/{api.pk}/policies/{row.pk}").content.decode()
    assert "<b>Keycloak</b> acts" in shown
