"""APIs from a file: uploaded, read, shown, imported."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse

from apis.models import ApiInstance
from apis.portable.exporting import yaml_of
from apis.promotions import importing
from apis.promotions.models import Upload
from tests.apis.changes.test_copies import make_whole
from tests.apis.views.documents import api_with_document
from tests.apis.views.pages import Place, make_place, make_saved_api, text
from tests.apis.views.test_promoting import seen_of

pytestmark = pytest.mark.django_db
SECRET = {"secrets.0": "an imported one"}


def sent(place: Place, content: str, name: str = "orders.yaml") -> Upload:
    """Uploaded, and read as a worker does."""
    answer = place.client.post("/apis/import", {"file": SimpleUploadedFile(name, content.encode())})
    assert answer.status_code == 302, text(answer)
    row = Upload.objects.latest("created_at")
    assert answer["Location"] == f"/apis/import/{row.pk}"
    importing.read(row.pk)
    row.refresh_from_db()
    return row


def done(place: Place, row: Upload, fields: dict[str, str]) -> HttpResponse:
    path = f"/apis/import/{row.pk}"
    shown = place.client.post(path, fields | {"go": "review"})
    assert shown.status_code == 200, text(shown)
    return place.client.post(path, fields | {"go": "save", "seen": seen_of(text(shown))})  # type: ignore[return-value]


def test_a_new_api_is_made_of_a_file_once() -> None:
    theirs, place = make_place(), make_place()
    origin = make_whole(theirs)
    row = sent(place, yaml_of([origin]))
    assert row.state == "read", row.faults
    page = text(place.client.get(f"/apis/import/{row.pk}"))
    assert "Import Orders v1" in page and "s3cret" not in page
    missing = place.client.post(f"/apis/import/{row.pk}", {"go": "save"})
    assert missing.status_code == 422 and "Write the value for" in text(missing)

    answer = done(place, row, SECRET)

    made = ApiInstance.objects.get(environment=place.environment)
    assert answer["Location"] == f"/apis/{made.pk}"
    assert made.policies.get(policy="http-basic-authentication").secrets == {"password": "an imported one"}
    assert yaml_of([made]) == yaml_of([origin])
    assert "imported already" in text(place.client.get(f"/apis/import/{row.pk}"))
    row.refresh_from_db()
    assert row.text == "" and "s3cret" not in str(row.apis)


def test_a_file_of_an_api_that_is_there_shows_the_difference_and_keeps_secrets() -> None:
    place = make_place()
    api = make_whole(place)
    changed = yaml_of([api]).replace("10.0.0.1", "10.0.0.2").replace("0.0.0.0:8081/orders", "0.0.0.0:8081/o2")
    row = sent(place, changed)

    page = text(place.client.get(f"/apis/import/{row.pk}"))
    shown = text(place.client.post(f"/apis/import/{row.pk}", {"go": "review"}))
    done(place, row, {})

    assert f"Update {api}" in page and "stays" in page
    assert "10.0.0.2" in shown and "/o2" in shown
    api.refresh_from_db()
    assert api.base_path == "/o2"
    assert api.policies.get(policy="ip-allowlist").config == {"ips": ["10.0.0.2"]}
    assert api.policies.get(policy="http-basic-authentication").secrets == {"password": "s3cret"}


def test_several_apis_and_their_documents_come_of_one_file() -> None:
    theirs, place = make_place(), make_place()
    api = api_with_document(theirs)
    other = make_saved_api(theirs, "Other", base_path="/other")
    row = sent(place, yaml_of([api, other]))
    page = text(place.client.get(f"/apis/import/{row.pk}"))
    assert page.count("Import…") == 2

    done(place, row, {"at": "0"})
    done(place, row, {"at": "1"})

    made = ApiInstance.objects.filter(environment=place.environment).order_by("pk")
    assert yaml_of(list(made)) == yaml_of([api, other])
    assert place.client.get(f"/apis/import/{row.pk}?at=2").status_code == 404


def test_a_bad_file_is_refused_with_its_lines_and_nobody_else_sees_it() -> None:
    place = make_place()
    row = sent(place, "kind: Contract\napiVersion: gatewright.dev/v1alpha1\n")
    other = make_place(environment=place.environment)

    page = text(place.client.get(f"/apis/import/{row.pk}"))

    assert "is refused" in page and "line 1" in page and "not part of an API" in page
    assert other.client.get(f"/apis/import/{row.pk}").status_code == 404
    assert place.client.post("/apis/import", {}).status_code == 422
    latin = SimpleUploadedFile("a.yaml", "ä".encode("latin-1"))
    assert "not text in UTF-8" in text(place.client.post("/apis/import", {"file": latin}))


def test_what_waits_is_read_later_and_what_is_old_is_forgotten() -> None:
    place = make_place()
    waiting = Upload.objects.create(by=place.user, environment=place.environment, name="a", text="a: b")
    lost = Upload.objects.create(
        by=place.user,
        environment=place.environment,
        name="b",
        state="reading",
        started_at="2020-01-01T00:00Z",
    )
    old = Upload.objects.create(by=place.user, environment=place.environment, name="c", state="read")
    Upload.objects.filter(pk=old.pk).update(created_at="2020-01-01T00:00Z")
    assert "Reading a…" in text(place.client.get(f"/apis/import/{waiting.pk}"))

    importing.tend()

    lost.refresh_from_db()
    assert lost.state == "refused" and not Upload.objects.filter(pk=old.pk).exists()


@pytest.mark.parametrize("key", ["\u00b2", "9" * 30, "9" * 5000, "-1", "\u0663"])
def test_what_is_no_api_has_no_file(key: str) -> None:
    assert make_place().client.get("/apis/file", {"api": key}).status_code == 404
