"""REST: export from one organization, import into another."""

import re

import pytest
from django.test import Client

from apis.models import ApiInstance
from apis.portable.exporting import yaml_of
from apis.promotions import importing
from apis.promotions.models import Upload
from console.models import Role, User
from console.roles.models import CustomRole
from tests.apis.changes.test_copies import make_whole
from tests.apis.rest.bodies import refused
from tests.apis.views.pages import Place, make_place
from tests.factories import make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db
VARIABLE = "ORDERS_HTTP_BASIC_AUTHENTICATION_2_PASSWORD"


def imports(place: Place) -> str:
    e = place.environment
    return f"/apimanager/api/v1/organizations/{e.organization_id}/environments/{e.pk}/api-imports"


def test_a_file_is_uploaded_read_tried_and_taken() -> None:
    origin, place = make_whole(make_place()), make_place()
    rest, root = Rest(place.user, place.environment), imports(place)
    sent = rest("POST", f"{root}?name=orders.yaml", yaml_of([origin]))
    assert (sent.status_code, sent.data["state"], sent.data["apis"]) == (202, "waiting", [])
    path = f"{root}/{sent.data['id']}"
    early = rest("POST", f"{path}/apis/0", {})
    assert early.status_code == 409
    importing.read(sent.data["id"])

    told = rest("GET", path).data["apis"][0]
    missing = rest("POST", f"{path}/apis/0", {})
    strange = rest("POST", f"{path}/apis/0", {"secrets": {"NO": "x"}})
    body = {"secrets": {VARIABLE: "new"}, "upstreams": {"orders-upstream-1": "http://prod:8080/"}}
    tried = rest("POST", f"{path}/apis/0", body | {"dryRun": True})
    assert not ApiInstance.objects.filter(environment=place.environment).exists()
    made = rest("POST", f"{path}/apis/0", body)
    twice = rest("POST", f"{path}/apis/0", body)

    assert told["secrets"] == [VARIABLE] and told["existing"] is None
    refused(missing, 400, f"secrets.{VARIABLE}")
    refused(strange, 400, "secrets.NO")
    assert tried.status_code == 200 and any("+" in line for line in tried.data["yaml"])
    assert made.status_code == 201, made.data
    api = ApiInstance.objects.get(pk=made.data["id"])
    assert api.upstreams.first().uri == "http://prod:8080/"  # type: ignore[union-attr]
    assert api.policies.get(policy="http-basic-authentication").secrets == {"password": "new"}
    assert twice.status_code == 409
    assert rest("POST", f"{path}/apis/7", {}).status_code == 404


def test_what_is_there_is_brought_up_to_date_or_a_new_one_is_made() -> None:
    place = make_place()
    api = make_whole(place)
    rest, root = Rest(place.user, place.environment), imports(place)
    text = yaml_of([api]).replace("10.0.0.1", "10.0.0.9")
    paths = []
    for _ in range(2):
        row = Upload.objects.get(pk=rest("POST", root, text).data["id"])
        importing.read(row.pk)
        paths.append(f"{root}/{row.pk}/apis/0")

    updated = rest("POST", paths[0], {})
    new = {"update": False, "instanceLabel": "eu", "proxyUri": "http://0.0.0.0:8081/eu"}
    made = rest("POST", paths[1], new | {"secrets": {VARIABLE: "x"}})

    assert (updated.status_code, updated.data["id"]) == (200, api.pk)
    assert api.policies.get(policy="ip-allowlist").config == {"ips": ["10.0.0.9"]}
    assert made.status_code == 201, made.data
    assert ApiInstance.objects.get(pk=made.data["id"]).base_path == "/eu"


def test_who_may_import_on_the_page_may_by_rest() -> None:
    origin, place = make_whole(make_place()), make_place()
    needed = ["manage:apis", "manage:policies"]
    person = with_permissions(place, needed)
    browser, rest, root = Client(), Rest(person, place.environment), imports(place)
    browser.force_login(person)
    text = yaml_of([origin])
    without = [with_permissions(place, [one, "view:policies"]) for one in needed]

    sent = rest("POST", root, text)
    importing.read(sent.data["id"])
    made = rest("POST", f"{root}/{sent.data['id']}/apis/0", {"secrets": {VARIABLE: "new"}})

    assert browser.get("/apis/import").status_code == 200
    assert (sent.status_code, made.status_code) == (202, 201), made.data
    assert [Rest(one, place.environment)("POST", root, text).status_code for one in without] == [403, 403]


def with_permissions(place: Place, permissions: list[str]) -> User:
    user, organization = make_user(), place.environment.organization
    role = CustomRole.objects.create(
        organization=organization, name=", ".join(permissions), permissions=permissions
    )
    Role.objects.create(user=user, organization=organization, name=Role.CUSTOM, custom=role)
    return user


def test_keys_of_a_file_are_no_patterns() -> None:
    origin, place = make_whole(make_place()), make_place()
    rest, root = Rest(place.user, place.environment), imports(place)
    text = re.sub(r"( +)ips:", r'\1"(a+)+$(": $STRANGE\n\1ips:', yaml_of([origin]))
    pk = rest("POST", root, text).data["id"]
    importing.read(pk)

    refused(rest("POST", f"{root}/{pk}/apis/0", {}), 400, "secrets.ORDERS_IP_ALLOWLIST_1_A")
