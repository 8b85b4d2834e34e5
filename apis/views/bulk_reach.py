"""Which bulk change a page is about, and whether the user may begin it."""

from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404

from apis.bulk.actions import ACTIONS
from apis.bulk.models import BulkChange
from console import scope
from console.scope import Request, must


def change_of(request: Request, pk: UUID) -> BulkChange:
    """The bulk change, if the user may see it; its environment becomes the one the user works in."""
    visible = BulkChange.objects.visible_to(request.user)
    found = get_object_or_404(visible.select_related("environment__organization", "by"), pk=pk)
    scope.enter(request, found.environment)
    return found


def change_to_begin(request: Request, pk: UUID) -> BulkChange:
    """One's own that is not begun."""
    found = change_of(request, pk)
    must(request, ACTIONS[found.action].needs)
    if found.state != BulkChange.State.ASKED:
        raise Http404("It was begun already.")
    return found


def promotion_to_begin(request: Request, pk: UUID) -> BulkChange:
    found = change_to_begin(request, pk)
    if found.action != BulkChange.Action.PROMOTE:
        raise Http404("It is no promotion.")
    return found
