"""REST: what was deployed of an API instance, its revisions, what differs between two, and the way back."""

from typing import Any
from uuid import UUID

from django.db.models import Prefetch
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.deployment import brought, kept, outcomes, status
from apis.deployment.diff import between
from apis.deployment.rollback import rollback, rollback_all
from apis.models import ApiInstance
from apis.rest import reach
from apis.rest import revision_serializers as shapes
from apis.rest.serializers import PageQuery
from apis.revision import Content, Revision
from apis.revisions import export
from console.permissions import Permission
from console.rest import access
from console.rest.serializers import REFUSALS, ErrorAnswer
from gateways.models import Ack

FROM = OpenApiParameter("from", description='A revision\'s id, "running" or "saved".', required=True)


@extend_schema(tags=["Deployments"])
class RevisionViews(ViewSet):
    @extend_schema(
        operation_id="revisions",
        parameters=[PageQuery],
        responses={200: shapes.RevisionList, 404: ErrorAnswer},
    )
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Those that are kept, the one that was deployed last first."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        page = reach.valid(PageQuery, request.query_params)
        found = kept.revisions(api)
        told = kept.told(api, found[page["offset"] : page["offset"] + page["limit"]])
        shown = shapes.RevisionShape(told, many=True).data
        return Response({"total": found.count(), **page, "revisions": shown})

    @extend_schema(operation_id="revision_retrieve", responses={200: shapes.WholeRevision, 404: ErrorAnswer})
    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, revision: str
    ) -> Response:
        """One, as the files of Local Mode: secrets are variables."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        found = _named(api, revision)
        [told] = kept.told(api, kept.revisions(api).filter(pk=found.pk))
        return Response(shapes.whole(told, export.yaml_of(found)))

    @extend_schema(
        operation_id="revisions_compare",
        parameters=[FROM, shapes.CompareQuery],
        responses={200: shapes.ComparisonShape, 404: ErrorAnswer},
    )
    def compare(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """What differs between two revisions, what runs and what is saved among them."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        query = reach.valid(shapes.CompareQuery, request.query_params)
        before = _content(api, request.query_params.get("from", ""))
        return Response(shapes.ComparisonShape(between(before, _content(api, query["to"]))).data)

    @extend_schema(
        operation_id="revision_rollback",
        request=shapes.RollbackBody,
        responses={200: shapes.RevisionShape, **REFUSALS},
    )
    def roll_back(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, revision: str
    ) -> Response:
        """Deploy this revision again; what is saved stays, and is pending, unless it is discarded."""
        api = reach.instance(request, organization_id, environment_id, api_id, Permission.DEPLOY_APIS)
        wanted = _named(api, revision)
        body = reach.valid(shapes.RollbackBody, request.data)
        back = rollback_all if body["discard"] else rollback
        back(access.caller(request), api, wanted, comment=body["comment"])
        [told] = kept.told(api, kept.revisions(api).filter(pk=wanted.pk))
        return Response(shapes.RevisionShape(told).data)


@extend_schema(tags=["Deployments"])
class HistoryViews(ViewSet):
    @extend_schema(
        operation_id="deployment_history",
        parameters=[PageQuery],
        responses={200: shapes.BroughtList, 404: ErrorAnswer},
    )
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """Every deployment that brought a change of it: who, when, why, what, and each replica's answer."""
        api = reach.instance(request, organization_id, environment_id, api_id)
        page = reach.valid(PageQuery, request.query_params)
        acks = Prefetch("acks", Ack.objects.select_related("replica"))
        found = brought.deployments(api).prefetch_related(acks)
        rows = brought.why(api, found[page["offset"] : page["offset"] + page["limit"]])
        became = outcomes.each(api, (one.deployment for one in rows), status.statuses(api))
        told: list[Any] = list(zip(rows, became, strict=True))
        shown = shapes.BroughtShape(told, many=True).data
        return Response({"total": found.count(), **page, "deployments": shown})


def _named(api: ApiInstance, name: str) -> Revision:
    found = kept.named(api, name)
    if found is None:
        raise NotFound(f"Revision {name[:64]} of API {api.pk} not found.")
    return found


def _content(api: ApiInstance, name: str) -> Content:
    found = kept.content(api, name)
    if found is None:
        raise NotFound(f'Revision "{name[:64]}" of API {api.pk} not found; write its id, running or saved.')
    return found
