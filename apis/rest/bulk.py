"""REST: many APIs of an environment that are changed at once, and what became of each."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.bulk import choosing, reviewing, running
from apis.bulk.actions import ACTIONS
from apis.bulk.models import BulkChange
from apis.lists import search
from apis.rest import bodies, reach
from apis.rest import bulk_serializers as shapes
from apis.rest.search_serializers import search_of
from console.grants import Held
from console.models import Environment, User
from console.permissions import Permission
from console.rest import access, nothing
from console.rest.serializers import REFUSALS, ErrorAnswer

Action = BulkChange.Action
NAMES: bodies.Names = (
    (r"policy", "policy.assetId"),
    (r"config(.*)", r"policy.configurationData\1"),
    (r"conditions(.*)", r"policy.pointcutData\1"),
    (r"mode", "policy.mode"),
)
OF_DEPLOY: bodies.Names = ((r"gateway", "gatewayId"),)
OF_SEARCH: bodies.Names = ((r"gateway", "search.gateway"),)
MOST_TOLD = 20
LOOK = (
    "In {} changes are reviewed before they are deployed: send by the id of each API the ETag of what is "
    "pending of it (…/apis/ID/pending)."
)


@extend_schema_view(
    list=extend_schema(parameters=[shapes.BulkQuery], responses={200: shapes.BulkList, 404: ErrorAnswer}),
    create=extend_schema(request=shapes.BulkBody, responses={202: shapes.BulkShape, **REFUSALS}),
    retrieve=extend_schema(responses={200: shapes.BulkShape, 404: ErrorAnswer}),
)
@extend_schema(tags=["Bulk changes"])
class BulkViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Those of the last 30 days, the newest first. Promotions have addresses of their own."""
        environment = access.environment(request, organization_id, environment_id, Permission.VIEW_APIS)
        page = reach.valid(shapes.BulkQuery, request.query_params)
        found = _begun(environment)
        if action := page.pop("action", ""):
            found = found.filter(action=action)
        rows = list(found[page["offset"] : page["offset"] + page["limit"]])
        return Response({"total": found.count(), **page, "bulkChanges": _shapes(rows)})

    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Begin it: workers go from API to API, and say of each what became of it."""
        environment = access.environment(request, organization_id, environment_id, Permission.VIEW_APIS)
        needed = sorted({ACTIONS[name].needs for name in shapes.NAMES})
        may = access.may_in(request, environment)
        if not any(one in may for one in needed):
            raise access.lacking(needed[0], environment)
        body = reach.valid(shapes.BulkBody, request.data)
        if ACTIONS[body["action"]].needs not in may:
            raise access.lacking(ACTIONS[body["action"]].needs, environment)
        made = _begin(access.caller(request), access.held(request), environment, body)
        return Response(_shapes([made])[0], status=202)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, bulk_id: UUID
    ) -> Response:
        """How far it is, until its state is done or stopped."""
        found = _one(request, organization_id, environment_id, bulk_id)
        return Response(_shapes([found])[0])

    @extend_schema(
        operation_id="bulk_change_apis",
        parameters=[shapes.ItemQuery],
        responses={200: shapes.ItemList, 404: ErrorAnswer},
    )
    def apis(self, request: Request, organization_id: UUID, environment_id: UUID, bulk_id: UUID) -> Response:
        """What became of each of its APIs, or why not."""
        items = _one(request, organization_id, environment_id, bulk_id).items.all()
        page = reach.valid(shapes.ItemQuery, request.query_params)
        if state := page.pop("state", ""):
            items = items.filter(state=state)
        rows = items[page["offset"] : page["offset"] + page["limit"]]
        return Response({"total": items.count(), **page, "apis": shapes.ItemShape(rows, many=True).data})

    @extend_schema(
        operation_id="bulk_change_stop",
        request=None,
        responses={200: shapes.BulkShape, **REFUSALS},
    )
    def stop(self, request: Request, organization_id: UUID, environment_id: UUID, bulk_id: UUID) -> Response:
        """What is done stays done; where it ended already, nothing happens."""
        found = _one(request, organization_id, environment_id, bulk_id, to_change=True)
        nothing.check(request)
        running.stop(found)
        found.refresh_from_db()
        return Response(_shapes([found])[0])

    @extend_schema(
        operation_id="bulk_change_again",
        request=None,
        responses={202: shapes.BulkShape, **REFUSALS},
    )
    def again(self, request: Request, organization_id: UUID, environment_id: UUID, bulk_id: UUID) -> Response:
        """The same once more for those that failed or were not reached, by who began it."""
        found = _one(request, organization_id, environment_id, bulk_id, to_change=True)
        caller = access.caller(request)
        if found.by_id != caller.pk:
            raise PermissionDenied(f"{found.by} began it; begin one of your own.")
        nothing.check(request)
        made = running.again(caller, found)
        made.refresh_from_db()
        return Response(_shapes([made])[0], status=202)


@transaction.atomic
def _begin(user: User, held: Held, environment: Environment, body: Mapping[str, Any]) -> BulkChange:
    made = _asked(user, held, environment, body)
    if made.action == Action.DELETE and body.get("confirm") != (wanted := f"delete {made.items.count()}"):
        raise ValidationError({"confirm": [f'Write "{wanted}" to delete them.']})
    if reviewing.is_reviewed(made):
        reviewing.check(made)
        if "seen" not in body:
            raise ValidationError({"seen": [LOOK.format(environment)]})
    with bodies.client_names(OF_DEPLOY if made.action == Action.DEPLOY else NAMES):
        running.start(made, _values(made, body))
    made.refresh_from_db()
    return made


def _asked(user: User, held: Held, environment: Environment, body: Mapping[str, Any]) -> BulkChange:
    ids: dict[int, None] = dict.fromkeys(body.get("apiIds", ()))
    found: choosing.Ids = list(ids)
    if "search" in body:
        with bodies.client_names(OF_SEARCH):
            asked = search_of(environment, body["search"])
        found = search.matching(environment, asked, held, user).order_by().values("pk")
    try:
        made = choosing.ask(user, environment, body["action"], found)
    except ValidationError as error:
        if getattr(error, "code", "") != choosing.NONE:
            raise
        if not ids:
            raise ValidationError({"search": ["No API is like this."]}) from None
        raise _gone(environment, ids) from None
    if made.items.count() < len(ids):
        raise _gone(environment, ids.keys() - set(made.items.values_list("api_key", flat=True)))
    return made


def _gone(environment: Environment, ids: Iterable[int]) -> ValidationError:
    told = ", ".join(map(str, sorted(ids)[:MOST_TOLD]))
    return ValidationError({"apiIds": [f"There is none of these in {environment}: {told}."]})


def _values(change: BulkChange, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the action needs, as the page's form says it."""
    if change.action in (Action.TAG, Action.UNTAG):
        return {"tags": [tag.strip() for tag in body.get("tags", [])]}
    if change.action == Action.DEPLOY:
        gateway, comment = body.get("gatewayId"), body.get("comment", "").strip()
        return {"gateway": str(gateway or ""), "seen": body.get("seen", {}), "comment": comment}
    if change.action != Action.POLICY:
        return {}
    if (policy := body.get("policy")) is None:
        raise ValidationError({"policy": ["Name the policy, for example rate-limiting."]})
    return {
        "policy": policy["assetId"],
        "config": policy["configurationData"],
        "conditions": [dict(row) for row in policy.get("pointcutData") or ()],
        "label": policy["label"],
        "mode": policy["mode"],
    }


def _begun(environment: Environment) -> Any:
    rows = BulkChange.objects.filter(environment=environment, action__in=shapes.NAMES)
    return rows.exclude(state=BulkChange.State.ASKED).select_related("by").defer("values")


def _one(
    request: Request,
    organization_id: UUID,
    environment_id: UUID,
    bulk_id: UUID,
    *,
    to_change: bool = False,
) -> BulkChange:
    environment = access.environment(request, organization_id, environment_id, Permission.VIEW_APIS)
    found: BulkChange | None = _begun(environment).filter(pk=bulk_id).first()
    if found is None:
        raise NotFound(f"Bulk change {bulk_id} not found.")
    found.environment = environment
    if to_change and ACTIONS[found.action].needs not in access.may_in(request, environment):
        raise access.lacking(ACTIONS[found.action].needs, environment)
    return found


def _shapes(rows: list[BulkChange]) -> Any:
    return shapes.BulkShape(rows, many=True, context={"totals": running.totals(rows)}).data
