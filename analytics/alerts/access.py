"""Who may see alerts, and who may manage them: decided here alone, for pages and REST."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from analytics.alerts.models import Alert
from apis.models import ApiInstance
from apis.views.access import api_of, environment_of
from console import scope
from console.models import Environment, User
from console.permissions import Permission
from console.scope import Request

REFUSED = "You need the permission Manage alerts here; ask an administrator."


def may_manage(user: User, environment: Environment) -> bool:
    return Permission.MANAGE_ALERTS in environment.may(user)


def must_manage(user: User, environment: Environment) -> None:
    if not may_manage(user, environment):
        raise PermissionDenied(REFUSED)


def alert_of(request: Request, pk: int) -> Alert:
    """The alert, if the user may see it; its environment becomes the one the user works in."""
    rows = Alert.objects.visible_to(request.user)
    named = ("environment__organization", "api__asset", "gateway")
    found = get_object_or_404(rows.select_related(*named), pk=pk)
    scope.enter(request, found.environment)
    return found


def alert_to_change(request: Request, pk: int) -> Alert:
    alert = alert_of(request, pk)
    must_manage(request.user, alert.environment)
    return alert


def environment_to_manage(request: Request) -> Environment:
    environment = environment_of(request, Permission.VIEW_ALERTS)
    must_manage(request.user, environment)
    return environment


def api_with_alerts(request: Request, pk: int) -> ApiInstance:
    return api_of(request, pk, Permission.VIEW_ALERTS)
