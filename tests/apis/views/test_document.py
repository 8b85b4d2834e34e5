"""The OpenAPI document of an API: seen, searched, replaced, and its operations used."""

import json

import pytest
import yaml

from apis.assets.models import Asset
from apis.documents import reading
from apis.documents.specification import Operation, Specification
from console.models import AuditEntry, Role
from tests.apis.views.documents import (
    ANSWERS,
    OPENAPI,
    api_with_document,
    read_all,
    upload,
)
from tests.apis.views.pages import make_place, text

pytestmark = pytest.mark.django_db
PARAMETER = {"in": "path", "required": True, "schema": {"type": "string"}}


def test_the_document_of_an_api_can_be_searched() -> None:
    place = make_place()
    api = api_with_document(place)

    every = text(place.client.get(f"/apis/{api.pk}/document"))
    some = text(place.client.get(f"/apis/{api.pk}/document?q=post+pets"))

    assert "2 operations" in every
    assert "1 operation<" in some


def test_the_text_of_a_document_is_shown_and_downloaded_as_uploaded() -> None:
    place = make_place()
    api = api_with_document(place, name='pets "x"/ö.json')

    page = text(place.client.get(f"/apis/{api.pk}/document/text"))
    file = place.client.get(f"/apis/{api.pk}/document/text?download")

    assert "&quot;Petstore&quot;" in page
    assert json.loads(file.content) == OPENAPI
    assert file["Content-Disposition"] == 'attachment; filename="pets _x___.json"'
    assert file["Content-Type"].startswith("text/plain")


def test_a_document_is_replaced_once_the_difference_was_seen() -> None:
    place = make_place()
    api = api_with_document(place)
    changed = OPENAPI | {
        "paths": {"/pets": {"get": {"responses": ANSWERS}}, "/dogs": {"get": {"responses": ANSWERS}}}
    }

    sent = place.client.post(
        f"/apis/{api.pk}/document/upload", {"specification": upload("new.json", json.dumps(changed))}
    )
    read_all()
    page = text(place.client.get(sent.url))
    before = Asset.objects.get().specification
    new = Specification.objects.get(name="new.json")
    place.client.post(f"/apis/{api.pk}/document/replace", {"new": str(new.pk)})

    assert "+ GET /dogs" in page and "− POST /pets" in page and "Added (1)" in page
    assert before is not None and before.name == "pets.json"
    assert Asset.objects.get().specification == new
    entry = AuditEntry.objects.filter(object_type="apiinstance").first()
    assert entry is not None and "pets.json" in json.dumps(entry.diff)


def test_a_renamed_path_is_a_change_and_the_same_document_in_yaml_is_none() -> None:
    place = make_place()
    paths = {
        "/pets/{id}": {"get": {"responses": ANSWERS, "parameters": [PARAMETER | {"name": "id"}]}},
        "/cats": {"get": {"responses": ANSWERS, "operationId": "listCats"}, "post": {"responses": ANSWERS}},
    }
    before = OPENAPI | {"paths": paths}
    api = api_with_document(place, json.dumps(before))
    renamed = {
        "/pets/{petId}": {"get": {"responses": ANSWERS, "parameters": [PARAMETER | {"name": "petId"}]}},
        "/felines": {"get": {"responses": ANSWERS, "operationId": "listCats"}, "put": {"responses": ANSWERS}},
    }
    same = yaml.safe_dump(before).replace("'200':", "200:")
    pages = []

    for content in (json.dumps(OPENAPI | {"paths": renamed}), same):
        sent = place.client.post(
            f"/apis/{api.pk}/document/upload", {"specification": upload("new.yaml", content)}
        )
        read_all()
        pages.append(text(place.client.get(sent.url)))

    assert "path, which was /pets/{id}" in pages[0] and "path, which was /cats" in pages[0]
    assert "Added (1)" in pages[0] and "Removed (1)" in pages[0] and "Changed (2)" in pages[0]
    assert "Added (0)" in pages[1] and "Removed (0)" in pages[1] and "Changed (" not in pages[1]


def test_a_document_that_is_not_accepted_replaces_nothing() -> None:
    place = make_place()
    api = api_with_document(place)
    bad = reading.keep(place.user, api.asset.organization, "bad.yaml", "words")
    other = make_place()
    strange = reading.keep(other.user, other.environment.organization, "strange.json", json.dumps(OPENAPI))
    read_all()

    for document in (bad, strange):
        place.client.post(f"/apis/{api.pk}/document/replace", {"new": str(document.pk)})

    assert Asset.objects.get(pk=api.asset_id).specification.name == "pets.json"  # type: ignore[union-attr]


def test_a_viewer_sees_the_document_and_replaces_nothing() -> None:
    place = make_place()
    api = api_with_document(place)
    viewer = make_place(Role.Name.VIEWER, place.environment)

    page = text(viewer.client.get(f"/apis/{api.pk}/document"))
    answer = viewer.client.post(f"/apis/{api.pk}/document/upload", {"specification": upload()})

    assert "GET" in page and "Replace the document" not in page
    assert answer.status_code == 403


def test_operations_become_conditions_of_a_policy() -> None:
    place = make_place()
    paths = {
        "/a.b/{id}": {"get": {"responses": ANSWERS}, "put": {"responses": ANSWERS}},
        "/c": {"get": {"responses": ANSWERS}},
    }
    api = api_with_document(place, json.dumps(OPENAPI | {"paths": paths}))
    address = f"/apis/{api.pk}/policies/add/ip-allowlist"
    keys = [one.pk for one in Operation.objects.filter(path="/a.b/{id}")]

    offered = text(place.client.get(address))
    page = text(
        place.client.post(address, {"rows": "operations", "operation": keys, "config.ips": "10.0.0.1"})
    )

    assert "/a.b/{id}" in offered and 'name="operation"' in offered
    assert 'value="GET|PUT"' in page
    assert r'value="/a\.b/[^/]+"' in page
    assert "10.0.0.1" in page


def test_operations_to_choose_are_searched() -> None:
    place = make_place()
    api = api_with_document(place)

    found = text(
        place.client.get(f"/apis/documents/{api.asset.specification_id}/operations?operation_q=post")
    )

    assert found.count('name="operation"') == 1


def test_operations_become_routes_before_the_one_that_takes_all() -> None:
    place = make_place()
    api = api_with_document(place)
    chosen = [one.pk for one in Operation.objects.filter(method="POST")]
    typed = {"mode": "simple", "uri": "http://backend:8080/", "port": "8081", "base_path": "/pets"}

    sent = typed | {"rows": "operations", "operation": chosen}
    page = text(place.client.post(f"/apis/{api.pk}/routes", sent))

    first, _, second = page.partition('name="routes.1.path"')
    assert second
    assert 'value="/pets"' in first
    assert 'value="POST" checked' in first
    assert page.count('value="http://backend:8080/"') >= 2
