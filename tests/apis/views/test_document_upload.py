"""An OpenAPI document in the wizard: uploaded, read by others, accepted or refused."""

import json

import pytest
from django.utils import timezone

from apis.assets.models import Asset
from apis.documents import reading
from apis.documents.specification import STALE, Specification
from apis.models import ApiInstance
from tests.apis.views.documents import (
    NAMED,
    OPENAPI,
    TYPED,
    at_the_api_step,
    read_all,
    upload,
)
from tests.apis.views.pages import make_place, text
from tests.apis.views.wizard import send, show
from tests.factories import make_actor, make_organization

pytestmark = pytest.mark.django_db


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
    user, organization = make_actor(), make_organization()
    first, second = (reading.keep(user, organization, name, "x") for name in ("a", "b"))
    Specification.objects.filter(pk=first.pk).update(state="reading", started_at=timezone.now())

    reading.read(second.pk)

    assert Specification.objects.get(pk=second.pk).state == "waiting"


def test_what_a_dead_reader_left_is_read_again_but_not_for_ever() -> None:
    user, organization = make_actor(), make_organization()
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
    user, organization = make_actor(), make_organization()
    for number in range(3):
        made = reading.keep(user, organization, f"{number}", "x")
    Specification.objects.update(created_at=timezone.now() - 2 * reading.KEEP_UNUSED, state="refused")
    Specification.objects.filter(pk=made.pk).update(created_at=timezone.now())

    reading.tend()

    assert list(Specification.objects.all()) == [made]


def test_the_document_that_stopped_a_console_is_read_without_harm() -> None:
    user, organization = make_actor(), make_organization()
    pattern = "{A: {type: string, pattern: '^(a+)+$', default: '" + "a" * 60 + "!'}}"
    content = (
        f"openapi: 3.0.3\ninfo: {{title: T, version: v}}\npaths: {{}}\ncomponents: {{schemas: {pattern}}}"
    )
    document = reading.keep(user, organization, "x.yaml", content)

    reading.read(document.pk)

    assert Specification.objects.get().is_accepted
    assert not ApiInstance.objects.exists()
