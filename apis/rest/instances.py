"""REST: API instances."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis import traffic
from apis.changes import bookkeeping, instances, upstreams, versions
from apis.contracts.models import Contract
from apis.deployment import status
from apis.lists import pins, search
from apis.lists.ordering import Searched
from apis.models import ApiInstance, Route, RouteUpstream
from apis.rest import answers, bodies, promotion, reach, saving, search_serializers, serializers
from console.among import listed, numbers_in
from console.compiled import CompiledQuery, put
from console.models import Environment, User
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer
from console.versions import check as check_version
from gateways.models import Gateway

SORT = {"id": "pk", "name": "asset__name", "createdDate": "created_at", "updatedDate": "updated_at"}


@extend_schema_view(
    list=extend_schema(parameters=[search_serializers.ListQuery], responses=answers.AssetList),
    create=extend_schema(
        request=serializers.InstanceBody, responses={201: answers.InstanceShape, **REFUSALS}
    ),
    retrieve=extend_schema(responses={200: answers.InstanceShape, 404: ErrorAnswer}),
    partial_update=extend_schema(
        parameters=[saving.SaveQuery],
        request=serializers.InstancePatch,
        responses={200: answers.InstanceShape, **REFUSALS},
    ),
    update=extend_schema(
        parameters=[saving.SaveQuery],
        request=serializers.InstanceWhole,
        responses={201: answers.InstanceShape, **REFUSALS},
    ),
    destroy=extend_schema(responses={204: None, 404: ErrorAnswer}),
)
@extend_schema(tags=["API instances"])
class InstanceViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """The environment's instances, grouped by asset."""
        environment = access.known_environment(request, organization_id, environment_id)
        rows, counts = _page(environment, request)
        found = answers.by_asset(rows, environment)
        shape = answers.AssetShape(found, many=True, context=_context(request, rows))
        return _list(request, {**counts, "assets": shape.data})

    @extend_schema(
        operation_id="instances", parameters=[search_serializers.ListQuery], responses=answers.InstanceList
    )
    def instances(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """The environment's instances, one by one."""
        rows, counts = _page(access.known_environment(request, organization_id, environment_id), request)
        shape = answers.InstanceShape(rows, many=True, context=_context(request, rows))
        return _list(request, {**counts, "instances": shape.data})

    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Make an instance, or a copy of one (`promote`), and deploy it when `deployment` says where."""
        environment = access.environment(request, organization_id, environment_id, Permission.MANAGE_APIS)
        body = reach.valid(serializers.InstanceBody, request.data)
        said: dict[str, list[str]] = {}
        with bodies.client_names((*bodies.of_instance(body), *promotion.NAMES)):
            if "promote" in body:
                api, said = _promote(access.caller(request), environment, body)
            else:
                api = _create(access.caller(request), environment, body)
        is_new = not body.get("promote", {}).get("counterpartId")
        return answer(request, api, 201 if is_new else 200, is_changed=True, said=said)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> Response:
        return answer(request, reach.instance(request, organization_id, environment_id, api_id))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int
    ) -> Response:
        """Change what the body names; a deployed instance changes on its gateway too."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        return _edited(request, api, reach.valid(serializers.InstancePatch, request.data), 200)

    def update(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        """The same in the place of what it is: what the body leaves out is as in a new instance."""
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        return _edited(request, api, reach.valid(serializers.InstanceWhole, request.data), 201)

    def destroy(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        api = reach.instance(request, organization_id, environment_id, api_id, to_edit=True)
        _delete(access.caller(request), api, preconditions.seen(request))
        return Response(status=204)


@transaction.atomic
def _create(actor: User, environment: Environment, body: dict[str, Any]) -> ApiInstance:
    desired = bodies.created(environment, body)
    wants = body.get("deployment") or {}
    deploy = bool(wants) and wants["expectedStatus"] == "deployed"
    api = instances.create_api(actor, environment, desired, deploy=deploy)
    _keep(api, body)
    if body.get("deprecated"):
        instances.set_deprecated(actor, api, True)
    return api


@transaction.atomic
def _promote(
    actor: User, environment: Environment, body: dict[str, Any]
) -> tuple[ApiInstance, dict[str, list[str]]]:
    api, said = promotion.promoted(actor, environment, body)
    _keep(api, body)
    return api, said


def _edited(request: Request, api: ApiInstance, body: dict[str, Any], code: int) -> Response:
    with bodies.client_names(bodies.of_instance(body)):
        deploy = saving.asked(request, api)
        _edit(access.caller(request), api, body, preconditions.seen(request), deploy)
    return answer(request, api, code, is_changed=True)


@transaction.atomic
def _edit(actor: User, api: ApiInstance, body: dict[str, Any], seen: str, deploy: bool | None) -> None:
    wanted = body.get("deployment")
    bookkeeping.lock(api.gateway, bodies.gateway_of(api.environment, wanted) if wanted else None, api=api)
    instances.edit_api(actor, api, bodies.patched(api, body), seen=seen, deploy=deploy, is_locked=True)
    if body.get("upstreams"):
        upstreams.edit(actor, api, bodies.edited(api, body["upstreams"]), deploy=deploy)
    _keep(api, body)
    if "deprecated" in body:
        instances.set_deprecated(actor, api, body["deprecated"])
    if body.get("deployment"):
        is_wanted = body["deployment"]["expectedStatus"] == "deployed"
        if is_wanted and not api.is_deployed:
            instances.deploy_api(actor, api)
        elif not is_wanted:
            instances.undeploy_api(actor, api)


@transaction.atomic
def _delete(actor: User, api: ApiInstance, seen: str) -> None:
    bookkeeping.lock(api.gateway, api=api)
    if seen:
        check_version(seen, versions.of_api(api))
    instances.delete_api(actor, api)


def _keep(api: ApiInstance, body: dict[str, Any]) -> None:
    api.extra = bodies.kept(api.extra, body)
    api.save(update_fields=["extra"])


def _page(environment: Environment, request: Request) -> tuple[list[ApiInstance], dict[str, int]]:
    """(the rows of this page, how many there are in all and which page it is)"""
    query = reach.valid(search_serializers.ListQuery, request.query_params)
    asked = search_serializers.search_of(environment, query)
    rows = search.matching(environment, asked, access.held(request), access.caller(request))
    exact = {
        "assetId": "asset__asset_id",
        "groupId": "asset__organization",
        "assetVersion": "asset__version",
        "productVersion": "asset__api_version",
        "instanceLabel": "label",
    }
    rows = rows.filter(**{column: query[name] for name, column in exact.items() if name in query})
    sign = "" if query["ascending"] else "-"
    ordered = rows.order_by(f"{sign}{SORT[query['sort']]}", f"{sign}pk")
    start, limit = query["offset"], query["limit"]
    # Of thousands the ids alone are sorted.
    shown, total = Searched(ordered).part(start, limit)
    counts = {"total": total if shown else rows.count(), "limit": limit, "offset": start}
    return _whole(environment, shown), counts


def _whole(environment: Environment, ids: Sequence[int]) -> list[ApiInstance]:
    """In this order, with all that an answer says of them."""
    asked = listed(ids)
    found = {one.pk: one for one in _ROWS(apis=asked)} if ids else {}
    routes: dict[int, list[Route]] = defaultdict(list)
    targets: dict[int, list[RouteUpstream]] = defaultdict(list)
    if found:
        for target in _TARGETS(apis=asked):
            targets[target.route_id].append(target)
        for route in _ROUTES(apis=asked):
            routes[route.api_id].append(route)
            put(route, "targets", targets[route.pk])
    for one in found.values():
        one.environment = environment
        put(one, "routes", routes[one.pk])
    return [found[pk] for pk in ids if pk in found]


_UNASKED = [f"gateway__{one.name}" for one in Gateway._meta.concrete_fields if one.name not in ("id", "name")]
_ROWS = CompiledQuery(
    lambda apis: (
        ApiInstance.objects.filter(pk__in=numbers_in(apis))
        .select_related("asset", "gateway", "tls_context")
        .defer(*_UNASKED)
        .order_by()
    ),
    apis="{0}",
)
_ROUTES = CompiledQuery(lambda apis: Route.objects.filter(api__in=numbers_in(apis)), apis="{0}")
_TARGETS = CompiledQuery(
    lambda apis: RouteUpstream.objects.filter(route__api__in=numbers_in(apis)).select_related(
        "upstream__tls_context"
    ),
    apis="{0}",
)


def _list(request: Request, shape: dict[str, Any]) -> Response:
    said = search_serializers.unknown(request.query_params)
    return Response(shape, headers=preconditions.warning(said))


def _in_force(apis: str, now: datetime) -> "QuerySet[Contract, tuple[int, int]]":
    rows = Contract.objects.order_by().in_force(now).filter(api__in=numbers_in(apis))
    return rows.values_list("api").annotate(Count("pk"))


_CONTRACTS = CompiledQuery(_in_force, apis="{0}", now=datetime(1970, 1, 1, tzinfo=UTC))


def _context(request: Request, rows: list[ApiInstance]) -> dict[str, Any]:
    """What an answer says of instances that their rows do not."""
    ids = [row.pk for row in rows]
    return {
        "statuses": status.statuses_of(rows),
        "failing": traffic.failing(ids),
        "active": traffic.last_active(ids),
        "pinned": pins.pinned_of(access.caller(request), ids),
        "contracts": dict(_CONTRACTS(apis=listed(ids), now=timezone.now())),
    }


def answer(
    request: Request,
    api: ApiInstance,
    code: int = 200,
    *,
    is_changed: bool = False,
    said: dict[str, list[str]] | None = None,
) -> Response:
    shape = answers.InstanceShape(api, context=_context(request, [api])).data
    said = {**(said or {}), **bodies.warnings_of(api), **saving.said(api)} if is_changed else {}
    return preconditions.answer(shape, versions.of_api(api), code, said)
