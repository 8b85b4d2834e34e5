"""Who may promote to an environment: asked here, by pages, REST and workers alike."""

from collections.abc import Container

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet

from apis.models import ApiInstance
from apis.portable.seen import unseen
from apis.portable.wanted import PARTS
from apis.rules import permitted
from console.models import Environment, User
from console.permissions import Permission

NOWHERE = "You need the permissions Manage APIs and Manage policies where it is promoted to."
NEEDED = (Permission.MANAGE_APIS, Permission.MANAGE_POLICIES)
_OF_PARTS = {
    "tiers": Permission.MANAGE_CONTRACTS,
    "terms": Permission.MANAGE_CONTRACTS,
    "alerts": Permission.MANAGE_ALERTS,
}


def targets(user: User) -> QuerySet[Environment]:
    found = Environment.objects.permitting(user, NEEDED[0]) & Environment.objects.permitting(user, NEEDED[1])
    return found.select_related("organization").order_by("organization__path", "name")


def may_promote_to(user: User, environment: Environment) -> bool:
    return environment.may(user).issuperset(NEEDED)


def parts_of(user: User, environment: Environment) -> frozenset[str]:
    """Which parts the user may bring there: tiers, terms and alerts are managed by others in some places."""
    return _parts(environment.may(user))


def parts_on(user: User, api: ApiInstance) -> frozenset[str]:
    """The same of an API that is there, on which alone the user may hold a role."""
    return _parts(permitted.may(user, api))


def _parts(may: Container[str]) -> frozenset[str]:
    return frozenset(name for name in PARTS if _OF_PARTS.get(name, NEEDED[0]) in may)


def may_bring(user: User, environment: Environment) -> None:
    """Asked by whatever brings an API with its policies somewhere. Raises PermissionDenied."""
    if not may_promote_to(user, environment):
        raise PermissionDenied(NOWHERE)


def parts_from(user: User, origin: ApiInstance) -> frozenset[str]:
    """Which parts the user may take from it: nobody carries elsewhere what they may not see here."""
    may = permitted.may(user, origin)
    return frozenset(PARTS) - frozenset(unseen(may))


def may_take_along(user: User, environment: Environment) -> bool:
    """Whether secrets, and tests, which may hold some, can be carried out of it."""
    return environment.may(user).issuperset(NEEDED)
