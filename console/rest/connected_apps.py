"""REST: what a connected app may do."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.exceptions import ValidationError as Refused
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console import accounts
from console.app_access import AppAccess, app_version
from console.models import ConnectedApp, Environment, Organization
from console.permissions import Permission
from console.rest import access, preconditions
from console.rest.app_serializers import ScopesAnswer, ScopesBody
from console.rest.serializers import REFUSALS, ErrorAnswer
from console.versions import check as check_version

Pairs = frozenset[tuple[str, UUID | None]]
"""A permission, and the environment in which it holds; None: every one."""
UNEVEN = "Each permission of an app holds in the same places: name each in each, or make another app."


class Scopes(APIView):
    @extend_schema(
        operation_id="connectedAppScopes",
        tags=["Accounts"],
        responses={200: ScopesAnswer, 404: ErrorAnswer},
    )
    def get(self, request: Request, client_id: str, organization_id: UUID | None = None) -> Response:
        """Each permission that the app was given, by its role or one by one, and where: for administrators of
        its organization. What its owner may not do, it may not either.
        """
        app = _app(request, client_id, organization_id)
        data = []
        for grant in app.grants():
            place = {"org": str(grant.organization_id)}
            if grant.environment_id:
                place["envId"] = str(grant.environment_id)
            data += [{"scope": one, "context_params": place} for one in sorted(grant.permissions)]
        return preconditions.answer({"data": data, "total": len(data)}, app_version(app))

    @extend_schema(
        operation_id="setConnectedAppScopes",
        tags=["Accounts"],
        request=ScopesBody,
        responses={204: None, **REFUSALS},
    )
    def put(self, request: Request, client_id: str, organization_id: UUID | None = None) -> Response:
        """All that the app may do from now on, in the place of its role or of what was chosen before: nothing
        that its owner, or the credential by which this comes, does not hold there. Its end stays.
        """
        return _set(request, _app(request, client_id, organization_id), is_more=False)

    @extend_schema(
        operation_id="addConnectedAppScopes",
        tags=["Accounts"],
        request=ScopesBody,
        responses={204: None, **REFUSALS},
    )
    def patch(self, request: Request, client_id: str, organization_id: UUID | None = None) -> Response:
        """What the app may do beside what it may do already."""
        return _set(request, _app(request, client_id, organization_id), is_more=True)


class ScopesInOrganization(Scopes):
    """At the address by which newer clients ask; described once."""

    schema: Any = None


def _app(request: Request, client_id: str, organization_id: UUID | None) -> ConnectedApp:
    own = Organization.objects.where(access.caller(request), Permission.ADMINISTER_ORGANIZATION)
    rows = ConnectedApp.objects.select_related("organization", "owner")
    app = rows.filter(organization__in=own, pk=client_id).first()
    if app is None or organization_id not in (None, app.organization_id):
        raise NotFound(f"Connected app {client_id} not found.")
    return app


def _set(request: Request, app: ConnectedApp, *, is_more: bool) -> Response:
    body = ScopesBody(data=request.data)
    body.is_valid(raise_exception=True)
    given, seen = _pairs(app, body.validated_data["scopes"]), preconditions.seen(request)
    with transaction.atomic():
        list(ConnectedApp.objects.select_for_update(no_key=True).filter(pk=app.pk))
        app.refresh_from_db(fields=["role", "scopes", "expires_at", "in_every_environment"])
        check_version(seen, app_version(app))
        held = frozenset((one, grant.environment_id) for grant in app.grants() for one in grant.permissions)
        if (wanted := given | held if is_more else given) != held:
            accounts.change_app_access(access.caller(request), app, _access(app, wanted))
    return Response(status=204, headers={"ETag": f'"{app_version(app)}"'})


def _pairs(app: ConnectedApp, rows: Sequence[Mapping[str, Any]]) -> Pairs:
    """Of a body. What is not of the app's organization is refused in the words of what does not exist."""
    below = Environment.objects.filter(organization__path__startswith=app.organization.path)
    named = [one["context_params"].get("envId") for one in rows]
    places = dict(below.filter(pk__in=filter(None, named)).values_list("pk", "organization_id"))
    for row, environment in zip(rows, named, strict=True):
        organization = row["context_params"]["org"]
        if environment is None and organization != app.organization_id:
            words = f"{organization} is not the app's organization, {app.organization}; add envId."
            raise _refused(words)
        if environment and places.get(environment) != organization:
            raise _refused(f"{environment} is no environment of {organization} in {app.organization}.")
    return frozenset((row["scope"], place) for row, place in zip(rows, named, strict=True))


def _access(app: ConnectedApp, pairs: Pairs) -> AppAccess:
    everywhere = {scope for scope, place in pairs if place is None}
    pairs = frozenset(one for one in pairs if one[1] is None or one[0] not in everywhere)
    scopes, places = {scope for scope, _ in pairs}, {place for _, place in pairs}
    if len(pairs) != len(scopes) * len(places):
        raise _refused(UNEVEN)
    found = Environment.objects.filter(pk__in=filter(None, places)).select_related("organization")
    return AppAccess(
        ConnectedApp.SCOPES,
        environments=tuple(found),
        in_every_environment=None in places,
        expires_at=app.expires_at,
        scopes=tuple(sorted(scopes)),
    )


def _refused(words: str) -> Refused:
    return Refused({"scopes": [words]})
