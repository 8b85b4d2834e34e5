"""OpenAPI documents in the wizard and at an API: uploaded, read by a process of its own, used."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from apis.changes import instances
from apis.documents import reading
from apis.documents.specification import STALE, Operation, Specification
from apis.models import ApiInstance, Asset
from console.models import AuditEntry, Role
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.apis.views.test_wizard import fill, send, show, text
from tests.factories import make_organization, make_user

pytestmark = pytest.mark.django_db

ANSWERS = {"200": {"description": "ok"}}
OPENAPI = {
    "openapi": "3.0.3",
    "info": {"title": "Petstore", "version": "2.4.1"},
    "servers": [{"url": "/v2"}, {"url": "https://pets.example.com/v2"}],
    "paths": {"/pets": {"get": {"responses": ANSWERS}, "post": {"responses": ANSWERS}}},
}
TYPED = {"mode": "new", "asset__type": "rest-api"}
NAMED = TYPED | {"asset__name": "Mine", "asset__api_version": "v1", "asset__version": "1.0.0"}


def upload(name: str = "pets.json", content: str | bytes = json.dumps(OPENAPI)) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)


def read_all() -> None:
    """What the workers do."""
    for document in Specification.objects.unread():
        reading.read(document.pk)


def at_the_api_step() -> Place:
    place = make_place()
    fill(place, upto="api")
    return place


def test_a_document_is_stored_and_read_by_others() -> None:
    place = at_the_api_step()

    page = text(send(place, "api", go="stay", **TYPED, specification=upload()))

    document = Specification.objects.get()
    assert document.state == "waiting"
    assert "Reading your document" in page
    assert f"/apis/documents/{document.pk}/state" in page


def test_the_next_step_waits_for_the_document() -> None:
    place = at_the_api_step()

    answer = send(place, "api", **NAMED, specification=upload())

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "pets.json is still being read" in text(answer)


def test_who_asks_is_told_when_the_document_was_read() -> None:
    place = at_the_api_step()
    send(place, "api", go="stay", **TYPED, specification=upload())
    address = f"/apis/documents/{Specification.objects.get().pk}/state"

    before = place.client.get(address)
    read_all()
    after = place.client.get(address)

    assert "hx-get" in text(before) and "HX-Trigger" not in before
    assert "hx-get" not in text(after) and after["HX-Trigger"] == "document-read"


def test_a_stranger_does_not_see_how_reading_goes() -> None:
    place = at_the_api_step()
    send(place, "api", go="stay", **TYPED, specification=upload())

    answer = make_place().client.get(f"/apis/documents/{Specification.objects.get().pk}/state")

    assert answer.status_code == 404


def test_a_document_fills_in_name_and_versions() -> None:
    place = at_the_api_step()
    send(place, "api", go="stay", **TYPED, specification=upload())
    read_all()

    page = text(send(place, "api", go="stay", **TYPED))

    for value in ('value="Petstore"', 'value="2.4.1"', 'value="v2"', "pets.json", "2 operations"):
        assert value in page


def test_a_document_and_its_servers_go_with_the_api() -> None:
    place = at_the_api_step()
    send(place, "api", go="stay", **TYPED, specification=upload())
    read_all()
    send(place, "api", **TYPED)
    send(place, "downstream", protocol="http", port="8081", base_path="/pets")

    upstream = text(show(place, "upstream"))
    send(place, "upstream", mode="simple", uri="http://backend")
    send(place, "review", go="save")

    asset = Asset.objects.get()
    assert (asset.name, asset.version, asset.type) == ("Petstore", "2.4.1", "rest-api")
    assert asset.specification is not None and json.loads(asset.specification.text) == OPENAPI
    assert [str(one) for one in asset.specification.operations.all()] == ["GET /pets", "POST /pets"]
    assert 'value="https://pets.example.com/v2"' in upstream
    assert "<code>/v2</code>" in upstream


@pytest.mark.parametrize(
    "content", ["just words", '{"a": 1}', "a: [", b"\xff\xfe\x00", "openapi: 3.0.0\ninfo: {}", "a: \0"]
)
def test_file_that_is_not_openapi_is_refused_and_nothing_typed_is_lost(content: str | bytes) -> None:
    place = at_the_api_step()
    send(place, "api", go="stay", **NAMED, specification=upload("x.yaml", content))
    read_all()

    answer = send(place, "api", **NAMED)

    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert "x.yaml: " in text(answer)
    assert "not an OpenAPI document" in text(answer)
    assert 'value="Mine"' in text(answer)
    assert not Asset.objects.exists()


def test_a_refusal_names_the_place() -> None:
    place = at_the_api_step()
    send(
        place,
        "api",
        go="stay",
        **NAMED,
        specification=upload("x.yaml", "openapi: 3.0.0\ninfo: {title: [1], version: v}\npaths: {}"),
    )
    read_all()

    assert "x.yaml: line 2, column 8: " in text(send(place, "api", go="stay", **NAMED)).replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("then", "status"),
    [
        ({}, 422),
        ({"drop_refused": "on"}, 302),
        ({"asset__type": "http-api"}, 302),
        ({"specification": json.dumps(OPENAPI)}, 302),
        ({"specification": "still none"}, 422),
    ],
)
def test_refused_file_holds_the_step_until_something_else_is_chosen(
    then: dict[str, str], status: int
) -> None:
    place = at_the_api_step()
    send(place, "api", **NAMED, go="stay", specification=upload("x.yaml", "just words"))
    read_all()
    shown = text(send(place, "api", **NAMED, go="stay"))
    if "specification" in then:
        send(place, "api", **NAMED, go="stay", specification=upload("y.json", then["specification"]))
        read_all()
        then = {}

    answer = send(place, "api", **{**NAMED, **then})

    assert "Continue without a file" in shown
    assert answer.status_code == status  # type: ignore[attr-defined]


def test_document_before_a_refused_one_stays_when_that_is_chosen() -> None:
    place = at_the_api_step()
    for name, content in (("pets.json", json.dumps(OPENAPI)), ("x.yaml", "just words")):
        send(place, "api", **NAMED, go="stay", specification=upload(name, content))
        read_all()
        shown = text(send(place, "api", **NAMED, go="stay"))

    send(place, "api", **NAMED, drop_refused="on")
    send(place, "downstream", protocol="http", port="8081", base_path="/pets")
    send(place, "upstream", mode="simple", uri="http://backend")
    send(place, "review", go="save")

    assert "x.yaml: " in shown
    assert "Continue with pets.json" in shown
    assert Asset.objects.get().specification.name == "pets.json"


def test_reading_can_be_cancelled() -> None:
    place = at_the_api_step()
    send(place, "api", go="stay", **NAMED, specification=upload())

    page = text(send(place, "api", **NAMED, drop_uploaded="on"))

    assert not Specification.objects.exists()
    assert "pets.json" not in page
    assert send(place, "api", **NAMED).status_code == 302  # type: ignore[attr-defined]


def test_a_file_over_the_limit_is_refused_in_words(settings: object) -> None:
    settings.UPLOAD_MAX_BYTES = 1024 * 1024  # type: ignore[attr-defined]
    place = at_the_api_step()

    page = text(send(place, "api", **NAMED, specification=upload("big.yaml", "#" * 1024 * 1024 + "#")))

    assert "big.yaml: the file is larger than 1 MB." in page


def test_a_form_that_is_too_large_is_refused_before_it_is_read(settings: object) -> None:
    settings.UPLOAD_MAX_BYTES = 1024  # type: ignore[attr-defined]
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1024  # type: ignore[attr-defined]
    place = make_place()

    answer = place.client.post("/apis/add", {"x": upload("big.yaml", "#" * 4096)})

    assert answer.status_code == 413
    assert "a file of 1.0" in text(answer)


def test_one_organization_has_few_documents_in_line() -> None:
    place = at_the_api_step()
    other = make_place()
    for _ in range(reading.MOST_UNREAD):
        reading.keep(place.user, place.environment.organization, "x", "x")

    page = text(send(place, "api", **NAMED, specification=upload()))

    assert "are being read" in page
    assert Specification.objects.count() == reading.MOST_UNREAD
    assert reading.keep(other.user, other.environment.organization, "y", "y").state == "waiting"


def test_one_document_of_an_organization_is_read_at_a_time() -> None:
    user, organization = make_user(), make_organization()
    first, second = (reading.keep(user, organization, name, "x") for name in ("a", "b"))
    Specification.objects.filter(pk=first.pk).update(state="reading", started_at=timezone.now())

    reading.read(second.pk)

    assert Specification.objects.get(pk=second.pk).state == "waiting"


def test_what_a_dead_reader_left_is_read_again_but_not_for_ever() -> None:
    user, organization = make_user(), make_organization()
    document = reading.keep(user, organization, "a", json.dumps(OPENAPI))
    long_ago = timezone.now() - 2 * STALE
    mine = Specification.objects.filter(pk=document.pk)

    mine.update(state="reading", started_at=long_ago, attempts=1)
    reading.tend()
    again = mine.get().state
    mine.update(state="reading", started_at=long_ago, attempts=reading.MOST_ATTEMPTS)
    reading.tend()

    assert again == "waiting"
    assert mine.get().state == "refused"


def test_unused_documents_are_forgotten() -> None:
    user, organization = make_user(), make_organization()
    for number in range(3):
        made = reading.keep(user, organization, f"{number}", "x")
    Specification.objects.update(created_at=timezone.now() - 2 * reading.KEEP_UNUSED, state="refused")
    Specification.objects.filter(pk=made.pk).update(created_at=timezone.now())

    reading.tend()

    assert list(Specification.objects.all()) == [made]


def test_the_document_that_stopped_a_console_is_read_without_harm() -> None:
    user, organization = make_user(), make_organization()
    pattern = "{A: {type: string, pattern: '^(a+)+$', default: '" + "a" * 60 + "!'}}"
    content = (
        f"openapi: 3.0.3\ninfo: {{title: T, version: v}}\npaths: {{}}\ncomponents: {{schemas: {pattern}}}"
    )
    document = reading.keep(user, organization, "x.yaml", content)

    reading.read(document.pk)

    assert Specification.objects.get().is_accepted
    assert not ApiInstance.objects.exists()


def api_with_document(
    place: Place, content: str = json.dumps(OPENAPI), name: str = "pets.json"
) -> ApiInstance:
    api = make_saved_api(place, "Pets")
    document = reading.keep(place.user, api.asset.organization, name, content)
    reading.read(document.pk)
    instances.set_specification(place.user, api, Specification.objects.get(pk=document.pk))
    return ApiInstance.objects.get(pk=api.pk)


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
