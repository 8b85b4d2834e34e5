"""Which gateway a page is about, and whether the user may change it."""

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404

from console import scope
from console.models import Environment
from console.scope import Request
from gateways.models import Gateway


def gateway_of(request: Request, pk: UUID) -> Gateway:
    """The gateway, if the user may see it; its environment becomes the one the user works in."""
    rows = Gateway.objects.visible_to(request.user).with_figures()
    gateway = get_object_or_404(rows.select_related("environment__organization"), pk=pk)
    scope.enter(request, gateway.environment)
    return gateway


def gateway_to_change(request: Request, pk: UUID) -> Gateway:
    """The gateway, if the user may change it: 404 for one that is out of sight, 403 for a viewer."""
    gateway = gateway_of(request, pk)
    must_edit(request)
    return gateway


def environment_of(request: Request) -> Environment:
    """The environment the user works in; 404 for one who may see none."""
    environment = request.scope.environment
    if environment is None:
        raise Http404("You have no role in any environment yet.")
    return environment


def must_edit(request: Request) -> None:
    if not request.scope.can_edit:
        raise PermissionDenied("You need the role Manager or Administrator here; ask an administrator.")
