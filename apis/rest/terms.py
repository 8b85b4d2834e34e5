"""REST: the terms that requests for access agree to, of an API and of an environment."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import terms as change
from apis.contracts.terms import Terms
from apis.rest import reach
from apis.rest.contract_serializers import TermsBody, TermsShape
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer

OF_API: dict[str, Any] = {"get": "of_api", "put": "set_of_api"}
OF_ENVIRONMENT: dict[str, Any] = {"get": "of_environment", "put": "set_of_environment"}
VIEW, MANAGE = Permission.VIEW_CONTRACTS, Permission.MANAGE_CONTRACTS
LOOK = {200: TermsShape, 404: ErrorAnswer}
SAVE = {200: TermsShape, **REFUSALS}


@extend_schema(tags=["Contracts"])
class TermsViews(ViewSet):
    @extend_schema(operation_id="api_terms", responses=LOOK)
    def of_api(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Of the API itself: without a text those of its environment hold."""
        api = reach.instance(request, organization_id, environment_id, api_id, VIEW)
        return _answer(Terms.objects.newest_of(api=api))

    @extend_schema(operation_id="api_terms_set", request=TermsBody, responses=SAVE)
    def set_of_api(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> Response:
        """A new version, for requests from now on; the same text makes none."""
        api = reach.instance(request, organization_id, environment_id, api_id, MANAGE)
        body = reach.valid(TermsBody, request.data)
        return _answer(change.of_api(access.caller(request), api, body["text"]))

    @extend_schema(operation_id="environment_terms", responses=LOOK)
    def of_environment(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """For all of its APIs that have none of their own."""
        environment = access.environment(request, organization_id, environment_id, VIEW)
        return _answer(Terms.objects.newest_of(environment=environment))

    @extend_schema(operation_id="environment_terms_set", request=TermsBody, responses=SAVE)
    def set_of_environment(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """A new version, for requests from now on; the same text makes none."""
        environment = access.environment(request, organization_id, environment_id, MANAGE)
        body = reach.valid(TermsBody, request.data)
        return _answer(change.of_environment(access.caller(request), environment, body["text"]))


def _answer(terms: Terms | None) -> Response:
    return Response(TermsShape(terms or Terms(version=0)).data)
