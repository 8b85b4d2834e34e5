"""REST: alerts, at both addresses at which clients of Anypoint look for them; the same rows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from analytics.alerts import change, permission
from analytics.alerts.models import Alert
from analytics.alerts.rest import bodies
from analytics.alerts.rest import serializers as shapes
from analytics.alerts.wanted import wanted_of
from apis.models import ApiInstance
from apis.rest import reach
from apis.rest.bodies import client_names
from console.models import Environment
from console.permissions import Permission
from console.rest import access, nothing, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer

MOST = 100
COLUMNS = {"id": "pk", "createdAt": "created_at", "lastModified": "updated_at"}


@extend_schema(tags=["Alerts"])
@extend_schema_view(
    list=extend_schema(
        operation_id="listApiAlerts",
        parameters=[shapes.AlertPageQuery],
        responses={200: shapes.LegacyShape(many=True), 404: ErrorAnswer},
    ),
    create=extend_schema(
        operation_id="addApiAlert",
        request=shapes.LegacyBody,
        responses={201: shapes.LegacyShape, **REFUSALS},
    ),
    retrieve=extend_schema(operation_id="getApiAlert", responses={200: shapes.LegacyShape, 404: ErrorAnswer}),
    update=extend_schema(
        operation_id="changeApiAlert",
        request=shapes.LegacyBody,
        responses={200: shapes.LegacyShape, **REFUSALS},
    ),
    destroy=extend_schema(operation_id="deleteApiAlert", responses={204: None, 404: ErrorAnswer}),
)
class LegacyAlertViews(ViewSet):
    """Of an API, of the four types that this shape can tell of."""

    def list(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        api = _api_to_view(request, organization_id, environment_id, api_id)
        query = reach.valid(shapes.AlertPageQuery, request.query_params)
        found = _page(_of_api(api), query)
        people = bodies.people_of(found)
        return Response(
            shapes.LegacyShape([bodies.legacy_shape(one, people) for one in found], many=True).data
        )

    def create(self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> Response:
        api = _api_to_manage(request, organization_id, environment_id, api_id)
        body = reach.valid(shapes.LegacyBody, request.data)
        with client_names(bodies.LEGACY_NAMES):
            wanted = bodies.of_legacy(api, body)
            made = change.add(access.caller(request), api.environment, wanted)
        return _legacy(made, 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, alert_id: int
    ) -> Response:
        api = _api_to_view(request, organization_id, environment_id, api_id)
        return _legacy(_found(_of_api(api), alert_id))

    def update(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, alert_id: int
    ) -> Response:
        """The whole body, as it was read, with what is to be otherwise."""
        api = _api_to_manage(request, organization_id, environment_id, api_id)
        alert = _found(_of_api(api), alert_id)
        body = reach.valid(shapes.LegacyBody, request.data)
        with client_names(bodies.LEGACY_NAMES):
            wanted = bodies.of_legacy(api, body, wanted_of(alert))
            saved = change.edit(access.caller(request), alert, wanted, seen=preconditions.seen(request))
        return _legacy(saved)

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, api_id: int, alert_id: int
    ) -> Response:
        api = _api_to_manage(request, organization_id, environment_id, api_id)
        change.delete(
            access.caller(request), _found(_of_api(api), alert_id), seen=preconditions.seen(request)
        )
        return Response(status=204)


@extend_schema(tags=["Alerts"])
@extend_schema_view(
    list=extend_schema(
        operation_id="listAlerts",
        parameters=[shapes.AlertListQuery],
        responses={200: shapes.AlertShape(many=True), 404: ErrorAnswer},
    ),
    create=extend_schema(
        operation_id="addAlert", request=shapes.AlertBody, responses={201: shapes.AlertShape, **REFUSALS}
    ),
    retrieve=extend_schema(operation_id="getAlert", responses={200: shapes.AlertShape, 404: ErrorAnswer}),
    partial_update=extend_schema(
        operation_id="changeAlert", request=shapes.AlertPatch, responses={200: shapes.AlertShape, **REFUSALS}
    ),
    destroy=extend_schema(operation_id="deleteAlert", responses={204: None, 404: ErrorAnswer}),
)
class AlertViews(ViewSet):
    """Of an environment: about one API, APIs with a tag, a gateway, or all of it. Who holds a permission for
    single APIs alone sees and manages those about just these.
    """

    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        environment = access.known_environment(request, organization_id, environment_id)
        query = reach.valid(shapes.AlertListQuery, request.query_params)
        rows = _seen(request, environment)
        if "apiId" in query:
            rows = rows.filter(api=query["apiId"])
        found = _page(rows, query)
        people = bodies.people_of(found)
        return Response(shapes.AlertShape([bodies.shape(one, people) for one in found], many=True).data)

    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        environment = access.known_environment(request, organization_id, environment_id)
        user = access.caller(request)
        permission.require_any(user, environment)
        body = reach.valid(shapes.AlertBody, request.data)
        with client_names(bodies.NAMES):
            wanted = bodies.of_body(environment, body, permission.manageable(user, environment))
            made = change.add(user, environment, wanted)
        return _answer(made, 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, alert_id: int
    ) -> Response:
        environment = access.known_environment(request, organization_id, environment_id)
        return _answer(_found(_seen(request, environment), alert_id))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, alert_id: int
    ) -> Response:
        """What the body names; the rest stays."""
        alert, user = _to_manage(request, organization_id, environment_id, alert_id), access.caller(request)
        body = reach.valid(shapes.AlertPatch, request.data)
        with client_names(bodies.NAMES):
            apis = permission.manageable(user, alert.environment)
            wanted = bodies.of_body(alert.environment, body, apis, wanted_of(alert))
            saved = change.edit(user, alert, wanted, seen=preconditions.seen(request))
        return _answer(saved)

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, alert_id: int
    ) -> Response:
        alert = _to_manage(request, organization_id, environment_id, alert_id)
        change.delete(access.caller(request), alert, seen=preconditions.seen(request))
        return Response(status=204)

    @extend_schema(
        operation_id="silenceAlert",
        request=shapes.AlertSilenceBody,
        responses={200: shapes.AlertShape, **REFUSALS},
    )
    def silence(
        self, request: Request, organization_id: UUID, environment_id: UUID, alert_id: int
    ) -> Response:
        """Tell nobody for so many minutes; 0 ends it."""
        alert = _to_manage(request, organization_id, environment_id, alert_id)
        body = reach.valid(shapes.AlertSilenceBody, request.data)
        return _answer(change.silence(access.caller(request), alert, body["minutes"]))

    @extend_schema(operation_id="testAlert", request=None, responses={202: None, **REFUSALS})
    def test(self, request: Request, organization_id: UUID, environment_id: UUID, alert_id: int) -> Response:
        """Send a message that is marked as a test to all whom the alert names."""
        alert = _to_manage(request, organization_id, environment_id, alert_id)
        nothing.check(request)
        count = change.send_test(access.caller(request), alert)
        return Response({"sentTo": count}, status=202)

    @extend_schema(
        operation_id="listAlertIncidents",
        responses={200: shapes.AlertIncidentShape(many=True), 404: ErrorAnswer},
    )
    def incidents(
        self, request: Request, organization_id: UUID, environment_id: UUID, alert_id: int
    ) -> Response:
        """What it raised, the newest first: 100 at most."""
        environment = access.known_environment(request, organization_id, environment_id)
        alert = _found(_seen(request, environment), alert_id)
        return Response(shapes.AlertIncidentShape(alert.incidents.all()[:MOST], many=True).data)


def _to_manage(request: Request, organization_id: UUID, environment_id: UUID, alert_id: int) -> Alert:
    environment = access.known_environment(request, organization_id, environment_id)
    alert = _found(_seen(request, environment), alert_id)
    permission.require(access.caller(request), alert)
    return alert


def _api_to_view(request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> ApiInstance:
    return reach.instance(request, organization_id, environment_id, api_id, Permission.VIEW_ALERTS)


def _api_to_manage(request: Request, organization_id: UUID, environment_id: UUID, api_id: int) -> ApiInstance:
    return reach.instance(request, organization_id, environment_id, api_id, Permission.MANAGE_ALERTS)


def _seen(request: Request, environment: Environment) -> QuerySet[Alert]:
    """Those of the environment that the caller may see; 403 for who may see none, whichever there are."""
    held = access.held(request)
    if not held.apis(Permission.VIEW_ALERTS) and Permission.VIEW_ALERTS not in access.may_in(
        request, environment
    ):
        raise access.lacking(Permission.VIEW_ALERTS, environment)
    return _named(Alert.objects.permitting(held)).filter(environment=environment)


def _of_api(api: ApiInstance) -> QuerySet[Alert]:
    rows = _named(Alert.objects.filter(api=api, type__in=bodies.IN_LEGACY))
    return rows.prefetch_related("api__policies")


def _named(rows: QuerySet[Alert]) -> QuerySet[Alert]:
    return rows.select_related("environment__organization", "api__asset", "gateway")


def _found(rows: QuerySet[Alert], alert_id: int) -> Alert:
    found = rows.filter(pk=alert_id).first() if alert_id < 2**63 else None
    if found is None:
        raise NotFound(f"Alert {alert_id} not found.")
    return found


def _page(rows: QuerySet[Alert], query: dict[str, Any]) -> Sequence[Alert]:
    column = COLUMNS.get(query["sort"], query["sort"])
    ordered = rows.order_by(column if query["ascending"] else f"-{column}", "pk")
    return list(ordered[query["offset"] : query["offset"] + query["limit"]])


def _legacy(alert: Alert, code: int = 200) -> Response:
    found = shapes.LegacyShape(bodies.legacy_shape(alert, bodies.people_of([alert]))).data
    return preconditions.answer(found, change.seen_version(alert), code)


def _answer(alert: Alert, code: int = 200) -> Response:
    found = shapes.AlertShape(bodies.shape(alert, bodies.people_of([alert]))).data
    return preconditions.answer(found, change.seen_version(alert), code)
