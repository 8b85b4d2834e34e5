"""REST: several copies of an API at once, all of them or none."""

from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes.copies import CopiesRefused
from apis.copying import jobs
from apis.copying.jobs import WantedCopy
from apis.models import ApiInstance
from apis.rest import bodies, reach
from apis.rest.copy_serializers import CopiesBody, CopiesShape
from apis.rules.listeners import with_slash
from console.rest import access
from console.rest.serializers import REFUSALS

_NAMES: bodies.Names = (
    (r"copies\.(\d+)\.asset(\..*)?", r"copies.\1.name"),
    (r"copies\.(\d+)\.base_path", r"copies.\1.basePath"),
    (r"copies\.(\d+)\.upstreams\.(.+)\.uri", r"copies.\1.upstreams.\2"),
    (r"copies\.(.+)", r"copies.\1"),
    (r"gateway", "targetId"),
)


@extend_schema(tags=["API instances"])
class CopyViews(ViewSet):
    @extend_schema(operation_id="copies_create", request=CopiesBody, responses={201: CopiesShape, **REFUSALS})
    def create(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Make new APIs like this one in its environment, with its policies and their secrets."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        body = reach.valid(CopiesBody, request.data)
        with bodies.client_names(_NAMES):
            ids = _made(request, api, body)
        made = ApiInstance.objects.filter(pk__in=ids).select_related("asset").order_by("pk")
        return Response(CopiesShape({"copies": made}).data, status=201)


def _made(request: Request, api: ApiInstance, body: dict[str, Any]) -> list[int]:
    rows = [
        WantedCopy(
            one["name"], with_slash(one["basePath"]), one.get("port", api.port), one.get("upstreams", {})
        )
        for one in body["copies"]
    ]
    known = {str(pk) for pk in api.upstreams.values_list("pk", flat=True)}
    unknown = {
        f"copies.{at}.upstreams.{key}": [f"API {api.pk} has no upstream {key}."]
        for at, row in enumerate(rows)
        for key in row.uris.keys() - known
    }
    if unknown:
        raise ValidationError(unknown)
    gateway, user = str(body.get("targetId") or ""), access.caller(request)
    try:
        return jobs.make(user, api, rows, gateway, deploy=body["deploy"])
    except CopiesRefused as refused:
        raise ValidationError(
            {
                f"copies.{at}.{field}": faults
                for at, error in refused.faults.items()
                for field, faults in error.error_dict.items()
            }
        ) from refused
