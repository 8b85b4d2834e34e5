"""Which alert, API or environment a page of alerts is about, for whom."""

from django.shortcuts import get_object_or_404

from analytics.alerts import permission
from analytics.alerts.models import Alert
from apis.models import ApiInstance
from apis.views.access import api_of, environment_of
from console import scope
from console.models import Environment
from console.permissions import Permission
from console.scope import Request


def alert_of(request: Request, pk: int) -> Alert:
    """The alert, if the user may see it; its environment becomes the one the user works in."""
    rows = Alert.objects.visible_to(request.user)
    named = ("environment__organization", "api__asset", "gateway")
    found = get_object_or_404(rows.select_related(*named), pk=pk)
    scope.enter(request, found.environment)
    return found


def alert_to_change(request: Request, pk: int) -> Alert:
    alert = alert_of(request, pk)
    permission.require(request.user, alert)
    return alert


def environment_to_manage(request: Request) -> Environment:
    """The one the user works in, for who may manage alerts about any API of it."""
    environment = environment_of(request)
    permission.require_any(request.user, environment)
    return environment


def api_with_alerts(request: Request, pk: int) -> ApiInstance:
    return api_of(request, pk, Permission.VIEW_ALERTS)
