"""REST: the client applications of an organization, which two families of addresses lead to.

Who owns an application may have no role at all: they find their own here, and nothing else.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.changes import applications as change
from apis.changes import versions
from apis.contracts import access as who
from apis.contracts.models import Application
from apis.rest import bodies, contracts, reach
from apis.rest import contract_serializers as shapes
from apis.rules.applications import no_team, no_user
from console.models import Organization, User
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer
from console.teams.models import Team

NAMES: bodies.Names = (
    (r"redirect_uris", "redirectUri"),
    (r"grant_types", "grantTypes"),
    (r"expires_at", "expiresAt"),
    (r"teams", "ownerTeams"),
    (r"overlap", "overlapSeconds"),
)
FIELDS = {
    "name": "name",
    "description": "description",
    "url": "url",
    "redirectUri": "redirect_uris",
    "grantTypes": "grant_types",
    "expiresAt": "expires_at",
}
SORT = {"id": "pk", "name": "name", "status": "pk", "createdDate": "created_at"}


@extend_schema_view(
    list=extend_schema(
        parameters=[shapes.SortedPageQuery], responses={200: shapes.ApplicationList, 404: ErrorAnswer}
    ),
    create=extend_schema(
        request=shapes.ApplicationBody, responses={201: shapes.ApplicationShape, **REFUSALS}
    ),
    retrieve=extend_schema(responses={200: shapes.ApplicationShape, 404: ErrorAnswer}),
    update=extend_schema(
        request=shapes.ApplicationBody, responses={200: shapes.ApplicationShape, **REFUSALS}
    ),
    partial_update=extend_schema(
        request=shapes.ApplicationBody, responses={200: shapes.ApplicationShape, **REFUSALS}
    ),
    destroy=extend_schema(responses={204: None, **REFUSALS}),
)
@extend_schema(tags=["Client applications"])
class ApplicationViews(ViewSet):
    def list(self, request: Request, organization_id: UUID) -> Response:
        """Those that the caller may see."""
        found, total = _page(request, organization_id)
        return Response({"total": total, "applications": shapes.ApplicationShape(found, many=True).data})

    @extend_schema(
        operation_id="exchange_applications_list",
        parameters=[shapes.SortedPageQuery],
        responses={200: shapes.ApplicationShape(many=True), 404: ErrorAnswer},
    )
    def plain_list(self, request: Request, organization_id: UUID) -> Response:
        """The same without a wrapper; how many there are stands in X-Total-Count."""
        found, total = _page(request, organization_id)
        shown = shapes.ApplicationShape(found, many=True).data
        return Response(shown, headers={"X-Total-Count": str(total)})

    def create(self, request: Request, organization_id: UUID) -> Response:
        """The answer alone tells the secret."""
        organization, user = _organization(request, organization_id), access.caller(request)
        if not who.may_create_application(user, organization):
            raise access.lacking(Permission.MANAGE_CONTRACTS, organization)
        body = reach.valid(shapes.ApplicationBody, request.data)
        with bodies.client_names(NAMES):
            made, secret = change.create(user, organization, **_fields(body))
        return _answer(made, 201, secret)

    def retrieve(self, request: Request, organization_id: UUID, application_id: int) -> Response:
        return _answer(_one(request, organization_id, application_id))

    def update(self, request: Request, organization_id: UUID, application_id: int) -> Response:
        return self._change(request, organization_id, application_id)

    def partial_update(self, request: Request, organization_id: UUID, application_id: int) -> Response:
        return self._change(request, organization_id, application_id, partial=True)

    def destroy(self, request: Request, organization_id: UUID, application_id: int) -> Response:
        """With its contracts: it calls no API any more."""
        change.delete(access.caller(request), _one(request, organization_id, application_id, to_edit=True))
        return Response(status=204)

    @extend_schema(
        request=shapes.SecretBody,
        responses={201: shapes.SecretAnswer, **REFUSALS},
    )
    def reset_secret(self, request: Request, organization_id: UUID, application_id: int) -> Response:
        """A new secret, which the answer alone tells."""
        application = _one(request, organization_id, application_id, to_edit=True)
        body = reach.valid(shapes.SecretBody, request.data)
        overlap = timedelta(seconds=body["overlapSeconds"])
        with bodies.client_names(NAMES):
            secret = change.reset_secret(access.caller(request), application, overlap=overlap)
        told = {"clientId": application.client_id, "clientSecret": secret}
        return Response(shapes.SecretAnswer(told).data, status=201)

    def _change(self, request: Request, organization_id: UUID, pk: int, *, partial: bool = False) -> Response:
        application = _one(request, organization_id, pk, to_edit=True)
        body = reach.valid(shapes.ApplicationBody, request.data, partial=partial)
        with bodies.client_names(NAMES):
            seen = preconditions.seen(request)
            change.update(access.caller(request), application, seen=seen, **_fields(body))
        return _answer(_one(request, organization_id, pk))


@extend_schema(tags=["Client applications"])
class ApplicationContractViews(ViewSet):
    @extend_schema(
        operation_id="application_contracts_list",
        responses={200: shapes.ContractShape(many=True), 404: ErrorAnswer},
    )
    def list(self, request: Request, organization_id: UUID, application_id: int) -> Response:
        """Those that the caller may see."""
        application = _one(request, organization_id, application_id)
        rows = application.contracts.visible_to(access.caller(request)).select_related(
            "application", "tier", "requested_tier", "terms", "api__environment__organization"
        )
        found, held = rows[: shapes.MOST_ROWS], access.held(request)
        return Response(shapes.ContractShape(found, many=True, context={"held": held}).data)

    @extend_schema(
        operation_id="application_contracts_create",
        request=shapes.ApplicationsContractBody,
        responses={201: shapes.ContractShape, **REFUSALS},
    )
    def create(self, request: Request, organization_id: UUID, application_id: int) -> Response:
        """Ask for access to an API, by its id."""
        application = _one(request, organization_id, application_id, to_edit=True)
        body, user = reach.valid(shapes.ApplicationsContractBody, request.data), access.caller(request)
        rows = who.requestable(user, application).select_related(
            "asset", "gateway", "environment__organization"
        )
        if body.get("environmentId"):
            rows = rows.filter(environment=body["environmentId"])
        api = rows.filter(pk=body["apiId"]).first()
        if api is None:
            raise ValidationError({"apiId": [f"API {body['apiId']} not found."]})
        return contracts.requested(request, application, api, body)


def _organization(request: Request, organization_id: UUID) -> Organization:
    """404 for who neither sees it nor owns an application of it."""
    found = Organization.objects.filter(pk=organization_id).first()
    if found is None or not who.knows(access.caller(request), found):
        raise NotFound(f"Organization {organization_id} not found.")
    return found


def _rows(user: User, organization: Organization) -> QuerySet[Application]:
    rows = Application.objects.visible_to(user).filter(organization=organization)
    return rows.select_related("organization").prefetch_related("owners", "teams")


def _page(request: Request, organization_id: UUID) -> tuple[list[Application], int]:
    organization = _organization(request, organization_id)
    query = reach.valid(shapes.SortedPageQuery, request.query_params)
    rows = _rows(access.caller(request), organization)
    if text := query.get("query"):
        rows = rows.filter(Q(name__icontains=text) | Q(client_id=text))
    sign = "" if query["ascending"] else "-"
    page = rows.order_by(f"{sign}{SORT[query['sort']]}", f"{sign}pk")
    return list(page[query["offset"] : query["offset"] + query["limit"]]), rows.count()


def _one(request: Request, organization_id: UUID, pk: int, *, to_edit: bool = False) -> Application:
    user, organization = access.caller(request), _organization(request, organization_id)
    found = _rows(user, organization).filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise NotFound(f"Application {pk} of organization {organization_id} not found.")
    if to_edit and not who.may_manage_application(user, found):
        raise PermissionDenied(f"Only owners of {found}, and managers of its organization, may do this.")
    return found


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {ours: body[theirs] for theirs, ours in FIELDS.items() if theirs in body}
    for name in ("description", "url"):
        if name in found:
            found[name] = found[name] or ""
    if "owners" in body:
        ids = [one["id"] for one in body["owners"]]
        users = list(User.objects.filter(pk__in=ids))
        if missing := {str(pk) for pk in ids} - {str(user.pk) for user in users}:
            raise ValidationError({"owners": [no_user(missing)]})
        found["owners"] = users
    if "ownerTeams" in body:
        wanted = [one["id"] for one in body["ownerTeams"]]
        teams = list(Team.objects.filter(pk__in=wanted))
        if unknown := {*wanted} - {team.pk for team in teams}:
            raise ValidationError({"ownerTeams": [no_team(unknown)]})
        found["teams"] = teams
    return found


def _answer(application: Application, code: int = 200, secret: str = "") -> Response:
    shape = shapes.ApplicationShape(application, context={"secret": secret}).data
    return preconditions.answer(shape, versions.of_application(application), code)
