"""REST: the catalog's policies, as templates that clients choose from."""

from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.rest import policy_serializers, reach
from apis.rest.templates import template
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer
from policies import catalog
from policies.policy import CATALOG_GROUP, Policy


@extend_schema_view(
    list=extend_schema(responses=policy_serializers.TemplateShape(many=True)),
    retrieve=extend_schema(responses={200: policy_serializers.TemplateShape, 404: ErrorAnswer}),
)
@extend_schema(tags=["Policies"])
class TemplateViews(ViewSet):
    def list(self, request: Request, organization_id: UUID) -> Response:
        """The catalog."""
        access.organization(request, organization_id)
        found = [template(entry) for entry in catalog.policies()]
        return Response(policy_serializers.TemplateShape(found, many=True).data)

    @extend_schema(parameters=[OpenApiParameter("name", OpenApiTypes.STR, OpenApiParameter.PATH)])
    def retrieve(self, request: Request, organization_id: UUID, name: str) -> Response:
        access.organization(request, organization_id)
        try:
            entry = catalog.find(name)
        except catalog.UnknownPolicy as error:
            raise NotFound(str(error)) from error
        return Response(policy_serializers.TemplateShape(template(entry)).data)


@extend_schema(tags=["Policies"])
class ExchangeTemplateViews(ViewSet):
    """The same under the names of Exchange."""

    @extend_schema(
        operation_id="exchange_policy_templates",
        parameters=[policy_serializers.ExchangeQuery],
        responses={200: policy_serializers.ExchangeTemplateShape(many=True), **REFUSALS},
    )
    def list(self, request: Request, organization_id: UUID) -> Response:
        """The catalog, in an array."""
        access.organization(request, organization_id)
        query = reach.valid(policy_serializers.ExchangeQuery, request.query_params)
        found = [_named(one) for one in catalog.policies() if _is_asked(one, query)]
        return Response(policy_serializers.ExchangeTemplateShape(found, many=True).data)

    @extend_schema(
        operation_id="exchange_policy_template",
        parameters=[
            OpenApiParameter(one, OpenApiTypes.STR, OpenApiParameter.PATH)
            for one in ("name", "template_version")
        ],
        responses={200: policy_serializers.ExchangeTemplateShape, 404: ErrorAnswer},
    )
    def retrieve(
        self, request: Request, organization_id: UUID, template_group: UUID, name: str, template_version: str
    ) -> Response:
        """One in the version that the catalog has."""
        access.organization(request, organization_id)
        try:
            entry = catalog.find(name)
        except catalog.UnknownPolicy as error:
            raise NotFound(str(error)) from error
        if str(template_group) != CATALOG_GROUP:
            raise NotFound(f"{template_group} holds no policies; {CATALOG_GROUP} does.")
        if template_version != entry.version:
            raise NotFound(f"{entry.name} has no version {template_version[:40]}; it has {entry.version}.")
        return Response(policy_serializers.ExchangeTemplateShape(_named(entry)).data)


def _named(entry: Policy[Any]) -> dict[str, Any]:
    return template(entry) | {"assetVersion": entry.version}


def _is_asked(entry: Policy[Any], query: dict[str, Any]) -> bool:
    """Automated policies act on requests to APIs alone."""
    side = "outbound" if entry.is_outbound else "inbound"
    return query.get("injectionPoint", side) == side and not (query["automatedOnly"] and entry.is_outbound)
