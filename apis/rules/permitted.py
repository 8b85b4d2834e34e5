"""Whether somebody may do to an API what they are about to, whichever way they came."""

from django.core.exceptions import PermissionDenied

from apis.models import ApiInstance
from console.grants import May
from console.models import Environment, User
from console.permissions import Permission


def may(user: User, api: ApiInstance) -> May:
    """Every permission that the user holds for the API."""
    return user.held().on_api(api.pk, api.environment_id, api.environment.organization.path)


def require(user: User, api: ApiInstance, permission: str) -> None:
    """Raises PermissionDenied, also to whom no page offered it."""
    if permission not in may(user, api):
        raise _lacking(permission, f"{api} in {api.environment}")


def require_in(user: User, environment: Environment, permission: str) -> None:
    """The same for what is about all of an environment, or about an API that is not there yet."""
    if permission not in environment.may(user):
        raise _lacking(permission, str(environment))


def _lacking(permission: str, place: str) -> PermissionDenied:
    return PermissionDenied(f"This needs the permission {Permission(permission).label} for {place}.")
