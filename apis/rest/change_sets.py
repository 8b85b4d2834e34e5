"""REST: what is pending of several APIs of one gateway, deployed together and taken back together."""

from uuid import UUID

from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.change_set import ChangeSet
from apis.deployment import change_sets
from apis.deployment.pending import waiting_on
from apis.rest import reach
from apis.rest.change_set_serializers import ChangeSetShape, Comment, NewChangeSet
from apis.revision import Revision
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer

MOST_SHOWN = 100


@extend_schema_view(
    list=extend_schema(responses={200: ChangeSetShape(many=True), 404: ErrorAnswer}),
    retrieve=extend_schema(responses={200: ChangeSetShape, 404: ErrorAnswer}),
    create=extend_schema(request=NewChangeSet, responses={201: ChangeSetShape, **REFUSALS}),
)
@extend_schema(tags=["Deployments"])
class ChangeSetViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """The newest hundred of the environment."""
        environment = access.environment(request, organization_id, environment_id, Permission.VIEW_APIS)
        found = ChangeSet.objects.filter(environment=environment).prefetch_related(*_BROUGHT)
        return Response(ChangeSetShape(found[:MOST_SHOWN], many=True).data)

    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Deploy what is pending of these APIs: on each replica all of them change, or none does."""
        access.environment(request, organization_id, environment_id, Permission.DEPLOY_APIS)
        body = reach.valid(NewChangeSet, request.data)
        gateway = reach.gateway(request, organization_id, environment_id, body["gatewayId"])
        ids = body.get("apiIds")
        if ids is None:
            ids = waiting_on(gateway).values_list("pk", flat=True)[: change_sets.MOST]
        made = change_sets.deploy_together(
            access.caller(request),
            gateway,
            dict.fromkeys(ids, ""),
            comment=body["comment"],
            despite_tests=body["despiteTests"],
        )
        return Response(ChangeSetShape(made).data, status=201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, change_set: UUID
    ) -> Response:
        return Response(ChangeSetShape(_set(request, organization_id, environment_id, change_set)).data)

    @extend_schema(
        operation_id="change_sets_take_back",
        request=Comment,
        responses={201: ChangeSetShape, **REFUSALS},
    )
    def take_back(
        self, request: Request, organization_id: UUID, environment_id: UUID, change_set: UUID
    ) -> Response:
        """Have all of its APIs run again what they ran before."""
        found = _set(request, organization_id, environment_id, change_set, Permission.DEPLOY_APIS)
        body = reach.valid(Comment, request.data)
        made = change_sets.take_back(access.caller(request), found, comment=body["comment"])
        return Response(ChangeSetShape(made).data, status=201)


_BROUGHT = tuple(
    Prefetch(f"brought__{name}", Revision.objects.without_text()) for name in ("revision", "replaced")
)


def _set(
    request: Request,
    organization_id: UUID,
    environment_id: UUID,
    change_set: UUID,
    needs: str = Permission.VIEW_APIS,
) -> ChangeSet:
    environment = access.environment(request, organization_id, environment_id, needs)
    rows = ChangeSet.objects.filter(environment=environment).select_related(
        "gateway__environment__organization"
    )
    found = rows.prefetch_related(*_BROUGHT).filter(pk=change_set).first()
    if found is None:
        raise NotFound(f"Change set {change_set} not found.")
    return found
