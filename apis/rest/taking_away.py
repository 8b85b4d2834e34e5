"""REST: an instance as files that run it without a console, and an instance moved to another environment."""

import io
import zipfile
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers as s
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes.moving import move_api
from apis.models import ApiInstance
from apis.rest import instances, reach
from apis.rest.answers import InstanceShape
from apis.revisions import export, rows
from console.models import Environment
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer

README = """What runs "{api}" without a console:

    gatewright run --local .

Its secrets are variables of the environment: each $NAME in the file.
"""
MADE = (1980, 1, 1, 0, 0, 0)


class ClassifyBody(s.Serializer[Any]):
    environmentId = s.UUIDField()  # noqa: N815 — as clients know it


@extend_schema(tags=["API instances"])
class TakingAwayViews(ViewSet):
    @extend_schema(operation_id="proxy", responses={200: OpenApiTypes.BINARY, 404: ErrorAnswer})
    def proxy(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> HttpResponse:
        """What is saved of an instance as a zip of the files of Local Mode: secrets are variables."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_POLICIES)
        name = f"{api.asset.asset_id}-{api.asset.version}-{api.pk}"
        answer = HttpResponse(_zip(api, name), content_type="application/zip")
        answer["Content-Disposition"] = f'attachment; filename="{name}.zip"'
        return answer

    @extend_schema(operation_id="classify", request=ClassifyBody, responses={200: InstanceShape, **REFUSALS})
    def classify(self, request: Request, organization_id: UUID, asset_row: int, api_id: int) -> Response:
        """Move an instance that is not deployed to another environment of the organization, id and all."""
        access.organization(request, organization_id)
        rows = ApiInstance.objects.visible_to(access.caller(request)).filter(
            environment__organization=organization_id, asset=asset_row, pk=api_id
        )
        found = rows.values_list("environment", flat=True).first() if api_id < 2**63 else None
        if found is None:
            raise NotFound(f"API {api_id} not found.")
        api = reach.instance(request, organization_id, found, api_id, to_edit=True)
        body = reach.valid(ClassifyBody, request.data)
        goal: Environment = access.environment(
            request, organization_id, body["environmentId"], Permission.MANAGE_APIS
        )
        return instances.answer(request, move_api(access.caller(request), api, goal), is_changed=True)


def _zip(api: ApiInstance, name: str) -> bytes:
    """The same content is the same bytes."""
    files = {
        f"{name}.yaml": export.yaml_of_content(api.pk, rows.content_of(api)),
        "README.txt": README.format(api=api),
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, MADE), text)
    return written.getvalue()
