"""Shared secrets that policies mention: Secret documents of a file, and what an import makes of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile

from apis.changes.policies import apply_policy
from apis.forms.promote import hosts_field
from apis.models import ApiInstance
from apis.portable import mentioned
from apis.portable.exporting import yaml_of
from apis.portable.faults import BadFile
from apis.portable.making import make
from apis.portable.read import read
from apis.portable.shape import Portable
from apis.portable.updating import update
from apis.portable.wanted import WantedApi
from apis.promotions import importing, promoting
from apis.promotions.choices import proposed
from apis.promotions.models import Upload
from apis.secret_groups.models import Secret
from console.models import AuditEntry, Environment, Role
from console.roles.models import CustomRole
from gateways.agent.sources import files
from gateways.agent.translate.apis import translate
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.apis.views.test_promoting import seen_of
from tests.factories import (
    make_environment,
    make_gateway,
    make_role,
    make_secret,
    make_secret_group,
    make_user,
)
from tests.rest import Rest

pytestmark = pytest.mark.django_db
MENTION = "${secret:shop/database}"
LDAP = {
    "ldapServerURL": "ldaps://ldap.acme.example",
    "ldapServerUserDn": "${secret:shop/database#username}",
    "ldapServerUserPassword": MENTION,
    "ldapSearchBase": "dc=acme",
}
VALUES = {"username": "bob", "password": "of-production"}


@pytest.fixture
def place() -> Place:
    return make_place()


@pytest.fixture
def api(place: Place) -> ApiInstance:
    """Of two secrets, one of the environment's own group, once mentioned with a field."""
    make_secret(make_secret_group(place.environment, name="shop"), name="database")
    made = make_saved_api(place)
    config = {"username": "${secret:shop/database#username}", "password": MENTION}
    apply_policy(place.user, made, "http-basic-authentication", config)
    return made


def elsewhere(place: Place) -> Environment:
    environment = make_environment(place.environment.organization, name="Production")
    make_gateway(environment)
    return environment


def with_values(whole: Portable, **values: str) -> Portable:
    parts = tuple(one.model_copy(update={"values": values}) for one in whole.shared_secrets)
    return whole.model_copy(update={"shared_secrets": parts})


def imports(environment: Environment) -> str:
    organization = environment.organization_id
    return f"/apimanager/api/v1/organizations/{organization}/environments/{environment.pk}/api-imports"


def asked(error: ValidationError) -> list[str]:
    return sorted(error.message_dict)


def test_a_file_names_them_and_is_the_same_after_an_import(
    place: Place, api: ApiInstance, tmp_path: Path
) -> None:
    text = yaml_of([api])
    assert "kind: Secret" in text and "password: $SHOP_DATABASE_PASSWORD" in text
    assert "s3cret" not in text and "username: $SHOP_DATABASE_USERNAME" in text
    (tmp_path / "orders.yaml").write_text(text)
    loaded = files.load(tmp_path, {"SHOP_DATABASE_USERNAME": "ann", "SHOP_DATABASE_PASSWORD": "p"})
    assert [str(one) for one in loaded.diagnostics] == [] and translate(loaded.resources).faults == ()
    [whole] = read(text.encode())
    environment = elsewhere(place)

    with pytest.raises(ValidationError) as refused:
        make(place.user, WantedApi(environment, whole))
    assert asked(refused.value) == [f"secrets.{MENTION}.password", f"secrets.{MENTION}.username"]
    made = make(place.user, WantedApi(environment, with_values(whole, **VALUES))).api

    assert yaml_of([made]) == text
    secret = Secret.objects.get(group__environment=environment)
    assert (secret.reference, secret.content, secret.type) == ("shop/database", VALUES, "UsernamePassword")
    assert "of-production" not in str(list(AuditEntry.objects.values("diff")))
    update(place.user, made, WantedApi(environment, whole))
    assert yaml_of([made]) == text


def test_a_group_that_is_made_names_where_the_policies_send_its_secrets(
    place: Place, api: ApiInstance
) -> None:
    apply_policy(place.user, api, "ldap-authentication", LDAP)
    environment = elsewhere(place)

    [whole] = read(yaml_of([api]).encode())
    make(place.user, WantedApi(environment, with_values(whole, **VALUES)))

    assert environment.secret_groups.get().sent_to == ["ldaps://ldap.acme.example"]


def test_whoever_imports_sees_and_chooses_the_hosts_of_a_group_that_is_made(
    place: Place, api: ApiInstance
) -> None:
    apply_policy(place.user, api, "ldap-authentication", LDAP)
    environments = [elsewhere(place), make_environment(place.environment.organization, name="Staging")]
    text = yaml_of([api])
    rows = [
        importing.upload(place.user, environment, SimpleUploadedFile("a.yaml", text.encode()))
        for environment in environments
    ]
    for row in rows:
        importing.read(row.pk)
    hosts = ["*.acme.example", "ldap.other.example:636"]

    path = f"/apis/import/{rows[0].pk}"
    page = place.client.get(path).content.decode()
    fields = {"secrets.0": "bob", "secrets.1": "of-production", "parts": "1", "with_policies": "on"}
    wrong = place.client.post(path, fields | {hosts_field("shop"): "a b c d!", "go": "review"})
    typed = fields | {hosts_field("shop"): ", ".join(hosts), hosts_field("other"): "other.example"}
    shown = place.client.post(path, typed | {"go": "review"}).content.decode()
    place.client.post(path, typed | {"go": "save", "seen": seen_of(shown)})

    assert "Hosts of secret group shop" in page and 'value="ldaps://ldap.acme.example"' in page
    assert wrong.status_code == 422 and "is no host" in wrong.content.decode()
    assert environments[0].secret_groups.get().sent_to == hosts

    rest, root = Rest(place.user, environments[1]), f"{imports(environments[1])}/{rows[1].pk}"
    told = rest("GET", root).data["apis"][0]
    secrets = dict(zip(told["secrets"], ("bob", "of-production"), strict=True))
    nobodys = rest("POST", f"{root}/apis/0", {"secrets": secrets, "sentTo": {"other": []}})
    astray = rest("POST", f"{root}/apis/0", {"secrets": secrets, "sentTo": {"shop": ["b.example"]}})
    bad = rest("POST", f"{root}/apis/0", {"secrets": secrets, "sentTo": {"shop": ["/"]}})
    made = rest("POST", f"{root}/apis/0", {"secrets": secrets, "sentTo": {"shop": []}})

    assert told["secretGroups"] == {"shop": ["ldaps://ldap.acme.example"]}
    assert [one["field"] for one in nobodys.data["errors"]] == ["sentTo.other"]
    assert "may be sent to b.example alone" in str(astray.data)
    assert [one["field"] for one in bad.data["errors"]] == ["sentTo.shop"]
    assert made.status_code == 201, made.data
    assert environments[1].secret_groups.get().sent_to == []


def test_several_apis_that_mention_the_same_name_it_once(place: Place, api: ApiInstance) -> None:
    other = make_saved_api(place, "Payments")
    apply_policy(place.user, other, "http-basic-authentication", {"username": "a", "password": MENTION})

    text = yaml_of([api, other])

    assert text.count("kind: Secret") == 1
    assert [len(one.shared_secrets) for one in read(text.encode())] == [1, 1]


def test_a_value_of_a_file_is_sealed_by_who_may_manage_secrets_and_never_shown(
    place: Place, api: ApiInstance
) -> None:
    environment = elsewhere(place)
    text = yaml_of([api]).replace("$SHOP_DATABASE_PASSWORD", "of-production")
    text = text.replace("$SHOP_DATABASE_USERNAME", "bob")
    somebody, may = make_user(), ["manage:apis", "manage:policies", "view:secrets"]
    custom = CustomRole.objects.create(organization=environment.organization, name="M", permissions=may)
    make_role(somebody, environment.organization, Role.CUSTOM, custom=custom)
    root = imports(environment)

    def taken(rest: Rest) -> object:
        address = rest.address(f"{root}?name=a.yaml")
        sent = {"data": text.encode(), "content_type": "application/octet-stream", "headers": rest.headers}
        key = rest.client.post(address, **sent).json()["id"]
        importing.read(key)
        shown = rest("GET", f"{root}/{key}")
        assert shown.data["apis"][0]["sharedSecrets"] == ["shop/database"]
        answer = rest("POST", f"{root}/{key}/apis/0", {})
        assert "of-production" not in f"{shown.data}{answer.data}"
        return answer

    with pytest.raises(ValidationError, match="Manage secrets"):
        make(somebody, WantedApi(environment, read(text.encode())[0]))
    assert not environment.secret_groups.exists()
    made = taken(Rest(place.user, environment))

    assert made.status_code == 201, made.data  # type: ignore[attr-defined]
    assert Secret.objects.get(group__environment=environment).content == VALUES
    assert [one.text for one in Upload.objects.all()] == [""]
    again = update(
        place.user,
        environment.api_instances.get(),
        WantedApi(environment, with_values(read(text.encode())[0], username="eve", password="other")),
    )
    assert "its values stay" in again.notes[0]
    assert Secret.objects.get(group__environment=environment).content == VALUES


def test_another_one_of_the_environment_is_taken_and_remembered(place: Place, api: ApiInstance) -> None:
    environment = elsewhere(place)
    make_secret(make_secret_group(environment, name="prod"), name="db")
    usual = proposed(place.user, api, environment, None)
    assert usual.shared == {"shop/database": "shop/database"}
    known = dict.fromkeys(usual.uris, "http://prod:1/")

    made = promoting.promote(
        place.user, api, replace(usual, uris=known, shared={"shop/database": "prod/db"})
    ).api

    assert made.policies.get().config == {
        "username": "${secret:prod/db#username}",
        "password": "${secret:prod/db}",
    }
    assert proposed(place.user, api, environment, made).shared == {"shop/database": "prod/db"}
    shown = promoting.preview(
        place.user,
        promoting.wanted(place.user, api, proposed(place.user, api, environment, made)),
        made,
    )
    assert shown.is_nothing
    foreign = make_environment()
    assert proposed(place.user, api, foreign, None).shared == {"shop/database": "shop/database"}


def test_rest_maps_them_asks_for_them_and_makes_them_as_pages_do(place: Place, api: ApiInstance) -> None:
    environment = elsewhere(place)
    make_secret(make_secret_group(environment, name="prod"), name="db")
    rest = Rest(place.user, environment)

    def promoted(label: str, **told: object) -> object:
        return rest("POST", "AM", {"instanceLabel": label, "promote": {"originApiId": api.pk, **told}})

    asked = promoted("a")
    assert asked.status_code == 400
    named = "promote.secrets.shop/database"
    assert {one["field"] for one in asked.data["errors"]} == {f"{named}.password", f"{named}.username"}
    for wrong in (
        {"sharedSecrets": {"shop/other": "prod/db"}},
        {"secrets": {"shop/other": {"password": "x"}}},
    ):
        assert "mentions the shared secret shop/other" in str(promoted("a", **wrong).data)
    assert not environment.api_instances.exists()

    made = promoted("mapped", sharedSecrets={"shop/database": "prod/db"})
    assert made.status_code == 201, made.data
    basic = environment.api_instances.get(label="mapped").policies.get()
    assert basic.config == {"username": "${secret:prod/db#username}", "password": "${secret:prod/db}"}
    assert environment.api_instances.get(label="mapped").promotions.count() == 1
    # Known from now on, to pages and to REST.
    assert proposed(place.user, api, environment, None).shared == {"shop/database": "prod/db"}
    again = promoted("again")
    assert environment.api_instances.get(pk=again.data["id"]).policies.get().config == basic.config

    values = {"sharedSecrets": {"shop/database": "shop/new"}, "secrets": {"shop/new": VALUES}}
    assert promoted("with values", **values).status_code == 201
    secret = Secret.objects.get(group__environment=environment, name="new")
    assert (secret.reference, secret.content) == ("shop/new", VALUES)
    here = Rest(place.user, place.environment)
    promote = {"originApiId": api.pk, "sharedSecrets": {"shop/database": "prod/db"}}
    assert here("POST", "AM", {"instanceLabel": "x", "promote": promote}).status_code == 400


def test_rest_promotion_chooses_the_hosts_of_a_group_that_is_made(place: Place, api: ApiInstance) -> None:
    apply_policy(place.user, api, "ldap-authentication", LDAP)
    environment = elsewhere(place)
    make_secret_group(environment, name="there", sent_to=["other.example"])
    rest = Rest(place.user, environment)

    def promoted(label: str, hosts: Mapping[str, list[str]], **told: object) -> Any:
        values = {"secrets": {told.pop("as_secret", "shop/database"): VALUES}, "sentTo": hosts}
        promote = {"originApiId": api.pk, **values, **told}
        return rest("POST", "AM", {"instanceLabel": label, "promote": promote})

    there = {"sharedSecrets": {"shop/database": "there/database"}, "as_secret": "there/database"}
    wrong = [
        promoted("a", {"other": []}),
        promoted("a", {"shop": ["/"]}),
        promoted("a", {"there": ["ldap.acme.example"]}, **there),
        promoted("a", {"shop": []}, policies={"allEntities": False}, secrets={}),
    ]
    astray = promoted("a", {"shop": ["b.example"]})
    assert not environment.api_instances.exists() and environment.secret_groups.count() == 1
    made = promoted("a", {"shop": ["*.acme.example"]})
    again = promoted("b", {"shop": []}, secrets={})
    beside = promoted("a", {"shop": []}, secrets={}, counterpartId=made.data["id"])
    here = Rest(place.user, place.environment)
    promote = {"originApiId": api.pk, "sentTo": {"shop": []}}
    copy = here("POST", "AM", {"instanceLabel": "x", "promote": promote})

    fields = [[one["field"] for one in answer.data["errors"]] for answer in wrong]
    names = ("other", "shop", "there", "shop")
    assert fields == [[f"promote.sentTo.{name}"] for name in names]
    assert astray.status_code == 400 and "may be sent to b.example alone" in str(astray.data)
    assert made.status_code == 201, made.data
    assert environment.secret_groups.get(name="shop").sent_to == ["*.acme.example"]
    for answer in (again, beside):
        assert [one["field"] for one in answer.data["errors"]] == ["promote.sentTo.shop"], answer.data
    assert [one["field"] for one in copy.data["errors"]] == ["promote.sentTo"]


def test_hosts_that_were_chosen_for_a_group_that_is_there_meanwhile_are_told(
    place: Place, api: ApiInstance
) -> None:
    environment = elsewhere(place)
    whole = with_values(read(yaml_of([api]).encode())[0], **VALUES)
    make_secret_group(environment, name="shop", sent_to=["a.example"])

    as_there, other = ({"shop": [host]} for host in ("A.example.", "b.example"))
    same = make(place.user, WantedApi(environment, whole, sent_to=as_there))
    renamed = whole.model_copy(update={"label": "b", "base_path": "/b", "port": 9999})
    told = make(place.user, WantedApi(environment, renamed, sent_to=other))

    assert same.notes == () and environment.secret_groups.get().sent_to == ["a.example"]
    assert "its hosts stay" in told.notes[0]


def test_documents_that_are_no_shared_secrets_are_refused(place: Place, api: ApiInstance) -> None:
    text = yaml_of([api])
    secret = "---\napiVersion: gatewright.dev/v1alpha1\nkind: Secret\nmetadata: {name: x}\nspec: "

    for spec, words in (
        ("{data: {password: a}}", "a shared secret holds username and password or"),
        ("{data: {key: a}}", "no policy of the file mentions it"),
        ("{tls: {crt: a, key: b}}", "kept as keystores"),
    ):
        with pytest.raises(BadFile) as bad:
            read(f"{secret}{spec}\n{text}".encode())
        assert words in bad.value.lines[0][1] and bad.value.lines[0][1].startswith("Secret x: ")
    [whole] = read(text.encode())
    assert mentioned.references(one.config for one in whole.policies) == {"shop/database"}
