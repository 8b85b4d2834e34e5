"""REST: named searches of the list of APIs, one's own and those that others share."""

from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import transaction
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from apis.lists import saving
from apis.lists.models import SavedView
from apis.rest import bodies, reach
from apis.rest import saved_view_serializers as shapes
from apis.rest.search_serializers import search_of
from apis.rest.serializers import PageQuery
from console.models import User
from console.rest import access, preconditions
from console.rest.serializers import REFUSALS, ErrorAnswer
from console.versions import check as check_version
from console.versions import version as version_of

NAMES: bodies.Names = ((r"is_shared", "shared"), (r"gateway", "search.gateway"))


@extend_schema_view(
    list=extend_schema(parameters=[PageQuery], responses={200: shapes.ViewList, 404: ErrorAnswer}),
    create=extend_schema(request=shapes.ViewBody, responses={201: shapes.ViewShape, **REFUSALS}),
    retrieve=extend_schema(responses={200: shapes.ViewShape, 404: ErrorAnswer}),
    partial_update=extend_schema(request=shapes.ViewPatch, responses={200: shapes.ViewShape, **REFUSALS}),
    destroy=extend_schema(responses={204: None, **REFUSALS}),
)
@extend_schema(tags=["API instances"])
class SavedViewViews(ViewSet):
    def list(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """The caller's own first. `search` of one is for the query of the lists of APIs, too."""
        environment = access.known_environment(request, organization_id, environment_id)
        found = saving.views_of(access.caller(request), environment)
        page = reach.valid(PageQuery, request.query_params)
        rows = found[page["offset"] : page["offset"] + page["limit"]]
        return Response({"total": found.count(), **page, "views": shapes.ViewShape(rows, many=True).data})

    def create(self, request: Request, organization_id: UUID, environment_id: UUID) -> Response:
        """Keep a search under a name; there are 50 of a user in an environment at most."""
        environment = access.known_environment(request, organization_id, environment_id)
        body = reach.valid(shapes.ViewBody, request.data)
        with bodies.client_names(NAMES):
            search = search_of(environment, body["search"], body["search"].get("sort", ""))
            is_shared = body.get("shared", False)
            made = saving.save_view(
                access.caller(request), environment, body["name"], search, is_shared=is_shared
            )
        return _answer(made, 201)

    def retrieve(
        self, request: Request, organization_id: UUID, environment_id: UUID, view_id: int
    ) -> Response:
        return _answer(_one(request, organization_id, environment_id, view_id))

    def partial_update(
        self, request: Request, organization_id: UUID, environment_id: UUID, view_id: int
    ) -> Response:
        """One's own alone."""
        view = _one(request, organization_id, environment_id, view_id)
        caller = access.caller(request)
        if view.user_id != caller.pk:
            raise PermissionDenied(f"Only {view.user} may change this view; save one of your own.")
        body = reach.valid(shapes.ViewPatch, request.data)
        with bodies.client_names(NAMES):
            _edit(caller, view, body, preconditions.seen(request))
        return _answer(view)

    def destroy(
        self, request: Request, organization_id: UUID, environment_id: UUID, view_id: int
    ) -> Response:
        """One's own; a shared one an administrator of the environment may delete, too."""
        view = _one(request, organization_id, environment_id, view_id)
        with transaction.atomic():
            _check(view, preconditions.seen(request))
            saving.delete_view(access.caller(request), view)
        return Response(status=204)


@transaction.atomic
def _edit(caller: User, view: SavedView, body: dict[str, Any], seen: str) -> None:
    _check(view, seen)
    name, is_shared = body.get("name", view.name), body.get("shared", view.is_shared)
    saving.edit_view(caller, view, name, is_shared=is_shared)
    if "search" in body:
        search = search_of(view.environment, body["search"], body["search"].get("sort", ""))
        saving.replace_search(caller, view, search)


def _check(view: SavedView, seen: str) -> None:
    """That it is as it was seen; from then on nobody changes it meanwhile."""
    view.environment.lock()
    kept = SavedView.objects.filter(pk=view.pk).first()
    if kept is None:
        raise NotFound(f"View {view.pk} not found.")
    view.name, view.query, view.is_shared = kept.name, kept.query, kept.is_shared
    check_version(seen, version_of(shapes.facts(view)))


def _one(request: Request, organization_id: UUID, environment_id: UUID, view_id: int) -> SavedView:
    environment = access.known_environment(request, organization_id, environment_id)
    rows = saving.views_of(access.caller(request), environment)
    found = rows.filter(pk=view_id).first() if view_id < 2**63 else None
    if found is None:
        raise NotFound(f"View {view_id} not found.")
    found.environment = environment
    return found


def _answer(view: SavedView, code: int = 200) -> Response:
    return preconditions.answer(shapes.ViewShape(view).data, version_of(shapes.facts(view)), code)
