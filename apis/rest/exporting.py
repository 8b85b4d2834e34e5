"""REST: APIs as one YAML file, which can be imported elsewhere and served in Local Mode."""

from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.exceptions import ValidationError as Refused
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from apis.models import ApiInstance
from apis.portable import exporting
from apis.rest import reach
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer

IDS = OpenApiParameter("apis", str, description="Ids with commas between, 50 at most.", required=True)
YAML = (200, "application/yaml")


@extend_schema(tags=["Export and import"])
class ExportViews(ViewSet):
    @extend_schema(operation_id="api_export", responses={YAML: OpenApiTypes.STR, 404: ErrorAnswer})
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> HttpResponse:
        """All of an API but secrets, which are variables. Without SLA tiers, alerts and tests for a caller
        who may not view them; tests, which may hold credentials, are for who may change it.
        """
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_POLICIES)
        return _file(request, [api])

    @extend_schema(
        operation_id="apis_export", parameters=[IDS], responses={YAML: OpenApiTypes.STR, **REFUSALS}
    )
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> HttpResponse:
        """Several APIs of the environment in one file, in the order that is given."""
        environment = access.known_environment(request, organization_id, environment_id)
        given = [one.strip() for one in request.query_params.get("apis", "").split(",")]
        ids = [int(one) for one in given if one.isdecimal() and len(one) < 19]
        if len(ids) != len(given) or len(ids) > exporting.MOST_APIS:
            raise Refused({"apis": [f"Write 1 to {exporting.MOST_APIS} ids of APIs, with commas between."]})
        seen = ApiInstance.objects.permitting(access.held(request), Permission.VIEW_POLICIES)
        rows = seen.select_related("asset__specification", "tls_context", "environment__organization")
        found = {row.pk: row for row in rows.filter(environment=environment, pk__in=ids)}
        if missing := [pk for pk in ids if pk not in found]:
            raise NotFound(f"API {missing[0]} not found.")
        return _file(request, [found[pk] for pk in dict.fromkeys(ids)])


def _file(request: Request, apis: list[ApiInstance]) -> HttpResponse:
    text = exporting.yaml_of(apis, lambda one: reach.may(request, one))
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response["Cache-Control"] = "no-store"
    return response
