"""REST: the OpenAPI document of an API. Uploaded, read by a worker, then taken: in steps, as on the page."""

from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis import operations
from apis.changes import instances
from apis.documented import calls
from apis.documents import reading
from apis.documents.specification import Specification
from apis.models import ApiInstance
from apis.rest import reach
from apis.rest.document_serializers import DocumentChoice, DocumentShape, DocumentTrafficShape
from console.rest import access
from console.rest.errors import TooLarge
from console.rest.parsers import BoundedJSONParser
from console.rest.serializers import REFUSALS, ErrorAnswer


class FileParser(BaseParser):
    """The body is a file, whatever its type is called."""

    media_type = "*/*"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        raw = stream.read(settings.UPLOAD_MAX_BYTES + 1)
        if len(raw) > settings.UPLOAD_MAX_BYTES:
            raise TooLarge(f"The file has more than {settings.UPLOAD_MAX_BYTES} bytes.")
        return raw


NAME = OpenApiParameter("name", str, description="The file's name.")


@extend_schema(tags=["OpenAPI documents"])
class DocumentViews(ViewSet):
    def get_parsers(self) -> list[BaseParser]:
        is_file = self.request is not None and self.request.method == "PUT"
        return [FileParser() if is_file else BoundedJSONParser()]

    @extend_schema(responses={200: DocumentShape, 404: ErrorAnswer})
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id)
        return Response(DocumentShape(_document_of(api)).data)

    @extend_schema(
        operation_id="document_upload",
        parameters=[NAME],
        request={"application/octet-stream": OpenApiTypes.BINARY},
        responses={202: DocumentShape, **REFUSALS},
    )
    def upload(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Keep a file and have it read. The API keeps its document until the new one is taken."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        name = request.query_params.get("name") or "openapi"
        file = SimpleUploadedFile(name, request.data if isinstance(request.data, bytes) else b"")
        made = reading.upload(access.caller(request), api.environment.organization, file)
        return Response(DocumentShape(made).data, status=202)

    @extend_schema(
        operation_id="document_take", request=DocumentChoice, responses={200: DocumentShape, **REFUSALS}
    )
    def take(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Make an uploaded document that of the API, and of all that are made of its asset."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        document = _uploaded(api, reach.valid(DocumentChoice, request.data)["id"])
        instances.set_specification(access.caller(request), api, document)
        return Response(DocumentShape(document).data)

    @extend_schema(operation_id="document_uploaded", responses={200: DocumentShape, 404: ErrorAnswer})
    def uploaded(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, document_id: UUID
    ) -> Response:
        """How reading an uploaded document goes."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        return Response(DocumentShape(_uploaded(api, document_id)).data)

    @extend_schema(
        operation_id="document_text", responses={(200, "text/plain"): OpenApiTypes.STR, 404: ErrorAnswer}
    )
    def text(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> HttpResponse:
        """As it was uploaded."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        return HttpResponse(_document_of(api).text, content_type="text/plain; charset=utf-8")

    @extend_schema(operation_id="document_traffic", responses={200: DocumentTrafficShape, 404: ErrorAnswer})
    def traffic(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """The operations that were called in the last 24 hours, and what was called that the document does
        not have.
        """
        api = reach.instance(request, organization_id, environment_id, api_id)
        document = _document_of(api)
        called = calls.of(api, document)
        rows = document.operations.filter(pk__in=called.by_operation)
        shown = {
            "operations": [
                {"method": one.method, "path": one.path, "calls": called.by_operation[one.pk]} for one in rows
            ],
            "undocumented": called.undocumented,
            "calls": called,
        }
        return Response(DocumentTrafficShape(shown).data)


def _document_of(api: ApiInstance) -> Specification:
    if found := operations.document_of(api):
        return found
    raise NotFound(f"API {api.pk} has no OpenAPI document.")


def _uploaded(api: ApiInstance, document_id: UUID) -> Specification:
    found = api.environment.organization.specifications.filter(pk=document_id).first()
    if found is None:
        raise NotFound(f"Document {document_id} not found.")
    return found
