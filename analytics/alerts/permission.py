"""Who may see and manage alerts: decided here alone, for pages, REST and every change of one.

A role for one API alone is good for the alerts about just that API.
"""

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from analytics.alerts.models import Alert
from apis.models import ApiInstance
from console.grants import May
from console.models import Environment, User
from console.permissions import Permission

REFUSED = "You need the permission Manage alerts here; ask an administrator."
REFUSED_WIDE = (
    "You may manage alerts about single APIs here, not about several: for that you need the permission "
    "Manage alerts in all of {}; ask an administrator."
)


def may(user: User, environment: Environment, about: str, api: int | None) -> May:
    """What the user may do to alerts that are about this; `api` is the id of the one API."""
    one = api if about == Alert.About.API else None
    return user.held().on_api(one, environment.pk, environment.organization.path)


def may_manage(user: User, alert: Alert) -> bool:
    return Permission.MANAGE_ALERTS in may(user, alert.environment, alert.about, alert.api_id)


def require(user: User, alert: Alert) -> None:
    """Raises PermissionDenied for who may not manage this one."""
    require_about(user, alert.environment, alert.about, alert.api_id)


def require_about(user: User, environment: Environment, about: str, api: int | None) -> None:
    """The same for one that is to be about this."""
    if Permission.MANAGE_ALERTS in may(user, environment, about, api):
        return
    is_wide = about != Alert.About.API and manageable(user, environment).exists()
    raise PermissionDenied(REFUSED_WIDE.format(environment) if is_wide else REFUSED)


def may_manage_all(user: User, environment: Environment) -> bool:
    """Alerts about anything there."""
    return Permission.MANAGE_ALERTS in environment.may(user)


def manageable(user: User, environment: Environment) -> QuerySet[ApiInstance]:
    """The APIs about which the user may manage alerts."""
    return ApiInstance.objects.permitting(user.held(), Permission.MANAGE_ALERTS).filter(
        environment=environment
    )


def require_any(user: User, environment: Environment) -> None:
    """Raises PermissionDenied for who may manage no alert there."""
    if not may_manage_all(user, environment) and not manageable(user, environment).exists():
        raise PermissionDenied(REFUSED)
