"""REST: the SLA tiers of an API."""

from typing import Any
from uuid import UUID

from django.db.models import Count, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import tiers as change
from apis.changes import versions
from apis.contracts.models import Tier
from apis.models import ApiInstance
from apis.rest import bodies, reach
from apis.rest.contract_serializers import SortedPageQuery, TierBody, TierList, TierShape
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer

VIEW, MANAGE = Permission.VIEW_CONTRACTS, Permission.MANAGE_CONTRACTS
NAMES: bodies.Names = ((r"approves_by_itself", "autoApprove"),)
SORT = {"id": "pk", "name": "name", "status": "status", "createdDate": "created_at"}


@extend_schema_view(
    list=extend_schema(parameters=[SortedPageQuery], responses={200: TierList, 404: ErrorAnswer}),
    create=extend_schema(request=TierBody, responses={201: TierShape, **REFUSALS}),
    retrieve=extend_schema(responses={200: TierShape, 404: ErrorAnswer}),
    update=extend_schema(request=TierBody, responses={200: TierShape, **REFUSALS}),
    partial_update=extend_schema(request=TierBody, responses={200: TierShape, **REFUSALS}),
    destroy=extend_schema(responses={204: None, **REFUSALS}),
)
@extend_schema(tags=["SLA tiers"])
class TierViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, VIEW)
        query = reach.valid(SortedPageQuery, request.query_params)
        rows = _rows(api).filter(name__icontains=query.get("query", ""))
        sign = "" if query["ascending"] else "-"
        page = rows.order_by(f"{sign}{SORT[query['sort']]}", f"{sign}pk")
        start = query["offset"]
        found = list(page[start : start + query["limit"]])
        for tier in found:
            tier.api = api
        return Response({"total": rows.count(), "tiers": TierShape(found, many=True).data})

    def create(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, MANAGE)
        body = reach.valid(TierBody, request.data)
        with bodies.client_names(NAMES):
            made = change.create(access.caller(request), api, **_fields(body))
        return _answer(api, made.pk, 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, tier_id: int
    ) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, VIEW)
        return _answer(api, tier_id)

    def update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, tier_id: int
    ) -> Response:
        """Limits apply at once. One that begins to approve by itself approves what waits for it."""
        return self._change(request, (organization_id, environment_id, api_id, tier_id))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, tier_id: int
    ) -> Response:
        """The same of what the body names."""
        return self._change(request, (organization_id, environment_id, api_id, tier_id), partial=True)

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, tier_id: int
    ) -> Response:
        """409 while a contract is on it."""
        api = reach.instance(request, organization_id, environment_id, api_id, MANAGE)
        change.delete(access.caller(request), _one(api, tier_id))
        return Response(status=204)

    def _change(
        self, request: Request, ids: tuple[UUID, UUID, int, int], *, partial: bool = False
    ) -> Response:
        api = reach.instance(request, *ids[:3], MANAGE)
        tier = _one(api, ids[3])
        body = reach.valid(TierBody, request.data, partial=partial)
        with bodies.client_names(NAMES):
            change.update(access.caller(request), tier, seen=preconditions.seen(request), **_fields(body))
        return _answer(api, tier.pk)


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    names = {"name": "name", "description": "description", "limits": "limits", "status": "status"}
    names["autoApprove"] = "approves_by_itself"
    found = {ours: body[theirs] for theirs, ours in names.items() if theirs in body}
    return found | ({"description": found["description"] or ""} if "description" in found else {})


def _rows(api: ApiInstance) -> QuerySet[Tier]:
    return api.tiers.annotate(application_count=Count("contracts"))


def _one(api: ApiInstance, tier_id: int) -> Tier:
    found = _rows(api).filter(pk=tier_id).first() if tier_id < 2**63 else None
    if found is None:
        raise NotFound(f"Tier {tier_id} of API {api.pk} not found.")
    found.api = api
    return found


def _answer(api: ApiInstance, tier_id: int, code: int = 200) -> Response:
    tier = _one(api, tier_id)
    return preconditions.answer(TierShape(tier).data, versions.of_tier(tier), code)
