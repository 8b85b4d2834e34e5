"""Which gateway a page is about, and whether the user may change it."""

from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404

from console import scope
from console.models import Environment
from console.permissions import Permission
from console.scope import NO_ROLE, Request, must
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
    must(request, Permission.MANAGE_GATEWAYS)
    return gateway


def environment_of(request: Request, needs: str = Permission.VIEW_GATEWAYS) -> Environment:
    """The environment the user works in, for who has the permission in all of it."""
    must(request, needs)
    environment = request.scope.environment
    if environment is None:
        raise Http404(NO_ROLE)
    return environment
