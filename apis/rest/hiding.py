"""REST: whether consumers find an API."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import hiding
from apis.contracts.access import is_hidden
from apis.models import ApiInstance
from apis.rest import reach
from apis.rest.contract_serializers import VisibilityShape
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer

VISIBILITY: dict[str, Any] = {"get": "retrieve", "put": "put"}


@extend_schema(tags=["Contracts"])
class VisibilityViews(ViewSet):
    @extend_schema(operation_id="api_visibility", responses={200: VisibilityShape, 404: ErrorAnswer})
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> Response:
        """Whether consumers without a role find the API and ask for access."""
        return _answer(
            reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_CONTRACTS)
        )

    @extend_schema(
        operation_id="api_visibility_set",
        request=VisibilityShape,
        responses={200: VisibilityShape, **REFUSALS},
    )
    def put(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Hide the API from consumers, or let them find it. Contracts that there are go on."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.MANAGE_CONTRACTS)
        body = reach.valid(VisibilityShape, request.data)
        hiding.let_find(access.caller(request), api, not body["hiddenFromConsumers"])
        return _answer(api)


def _answer(api: ApiInstance) -> Response:
    return Response({"hiddenFromConsumers": is_hidden(api)})
