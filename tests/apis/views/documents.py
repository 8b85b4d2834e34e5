"""Documents as people upload them."""

import json

from django.core.files.uploadedfile import SimpleUploadedFile

from apis.changes import instances
from apis.documents import reading
from apis.documents.specification import Specification
from apis.models import ApiInstance
from tests.apis.views.pages import Place, make_place, make_saved_api
from tests.apis.views.wizard import fill

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


def api_with_document(
    place: Place, content: str = json.dumps(OPENAPI), name: str = "pets.json"
) -> ApiInstance:
    api = make_saved_api(place, "Pets")
    document = reading.keep(place.user, api.asset.organization, name, content)
    reading.read(document.pk)
    instances.set_specification(place.user, api, Specification.objects.get(pk=document.pk))
    return ApiInstance.objects.get(pk=api.pk)
