"""REST: an OpenAPI document is uploaded, read and taken."""

import json
import uuid

import pytest

from apis.documents import reading
from apis.documents.specification import Specification
from console.models import Environment
from gateways.models import Gateway
from tests.factories import make_actor, make_api, make_environment, make_organization, make_role, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

OPENAPI = {"openapi": "3.0.3", "info": {"title": "Pets", "version": "1"}, "paths": {}}


def test_a_document_is_uploaded_read_and_taken(rest: Rest, gateway: Gateway) -> None:
    api = make_api(gateway)
    missing = rest("GET", f"AM/{api.pk}/document")

    sent = rest("PUT", f"AM/{api.pk}/document?name=pets.json", OPENAPI)
    early = rest("PATCH", f"AM/{api.pk}/document", {"id": sent.data["id"]})
    reading.read(sent.data["id"])
    seen = rest("GET", f"AM/{api.pk}/documents/{sent.data['id']}")
    taken = rest("PATCH", f"AM/{api.pk}/document", {"id": sent.data["id"]})
    text = rest.client.get(rest.address(f"AM/{api.pk}/document/text"), headers=rest.headers)

    assert missing.status_code == 404
    assert (sent.status_code, sent.data["state"], sent.data["name"]) == (202, "waiting", "pets.json")
    assert (early.status_code, "still being read" in early.data["message"]) == (400, True)
    assert (seen.data["state"], seen.data["title"]) == ("accepted", "Pets")
    assert taken.status_code == 200
    assert rest("GET", f"AM/{api.pk}/document").data["id"] == sent.data["id"]
    assert json.loads(text.content) == OPENAPI


@pytest.mark.parametrize("content", [b"\\xff", b"a: \\0", b""])
def test_what_is_no_document_is_refused_with_its_place(rest: Rest, gateway: Gateway, content: bytes) -> None:
    api = make_api(gateway)

    sent = rest("PUT", f"AM/{api.pk}/document", content)
    for document in Specification.objects.all():
        reading.read(document.pk)

    refused = sent.status_code == 400 or Specification.objects.get().state == "refused"
    assert refused


def test_a_file_over_the_limit_is_413(rest: Rest, gateway: Gateway, settings: object) -> None:
    settings.UPLOAD_MAX_BYTES = 1024  # type: ignore[attr-defined]
    api = make_api(gateway)

    answer = rest("PUT", f"AM/{api.pk}/document", b"#" * 1025)

    assert answer.status_code == 413


def test_a_document_of_others_is_not_found(rest: Rest, gateway: Gateway, environment: Environment) -> None:
    api = make_api(gateway)
    theirs = reading.keep(make_actor(), make_organization(), "x", json.dumps(OPENAPI))

    for key in (theirs.pk, uuid.uuid4()):
        assert rest("GET", f"AM/{api.pk}/documents/{key}").status_code == 404
        assert rest("PATCH", f"AM/{api.pk}/document", {"id": str(key)}).status_code == 404


def test_who_may_not_edit_uploads_nothing(gateway: Gateway, environment: Environment) -> None:
    api, viewer = make_api(gateway), make_user()
    make_role(viewer, environment.organization, "viewer")

    answer = Rest(viewer, environment)("PUT", f"AM/{api.pk}/document", OPENAPI)

    assert answer.status_code == 403
    assert make_environment().organization.specifications.count() == 0
