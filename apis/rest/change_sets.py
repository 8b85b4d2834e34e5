"""REST: what is pending of several APIs of one gateway, deployed together and taken back together."""

from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.change_set import ChangeSet
from apis.changes import bookkeeping
from apis.deployment import change_sets
from apis.deployment.pending import waiting_on
from apis.rest import reach
from apis.rest.change_set_serializers import ChangeSetShape, Comment, NewChangeSet
from apis.revision import Revision
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer
from console.versions import check as check_version
from console.versions import version as version_of

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
        """Deploy what is pending of these APIs: on each replica all of them change, or none does.

        If-Match holds the ETags of what is pending of them (`…/apis/ID/pending`), with commas between: 412
        where one of the APIs is not as it was seen.
        """
        access.environment(request, organization_id, environment_id, Permission.DEPLOY_APIS)
        body = reach.valid(NewChangeSet, request.data)
        gateway = reach.gateway(request, organization_id, environment_id, body["gatewayId"])
        ids = body.get("apiIds")
        if ids is None:
            ids = waiting_on(gateway).values_list("pk", flat=True)[: change_sets.MOST]
        made = change_sets.deploy_together(
            access.caller(request),
            gateway,
            dict.fromkeys(ids, preconditions.seen(request)),
            comment=body["comment"],
            despite_tests=body["despiteTests"],
        )
        return _answer(made, 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, change_set: UUID
    ) -> Response:
        """Its ETag changes as it is taken back."""
        return _answer(_set(request, organization_id, environment_id, change_set))

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
        with transaction.atomic():
            bookkeeping.lock(found.gateway)
            check_version(preconditions.seen(request), _version(found))
            made = change_sets.take_back(access.caller(request), found, comment=body["comment"])
        return _answer(made, 201)


def _version(change_set: ChangeSet) -> str:
    undone_by = ChangeSet.objects.filter(undoes=change_set).values_list("pk", flat=True).first()
    return version_of({"id": change_set.pk, "undone_by": undone_by})


def _answer(change_set: ChangeSet, code: int = 200) -> Response:
    return preconditions.answer(ChangeSetShape(change_set).data, _version(change_set), code)


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
