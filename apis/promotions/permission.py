"""Who may promote to an environment: asked here, by pages, REST and workers alike."""

from django.db.models import QuerySet

from console.models import Environment, User
from console.permissions import Permission

NOWHERE = "You need the permissions Manage APIs and Manage policies where it is promoted to."
NEEDED = (Permission.MANAGE_APIS, Permission.MANAGE_POLICIES)


def targets(user: User) -> QuerySet[Environment]:
    found = Environment.objects.permitting(user, NEEDED[0]) & Environment.objects.permitting(user, NEEDED[1])
    return found.select_related("organization").order_by("organization__path", "name")


def may_promote_to(user: User, environment: Environment) -> bool:
    return environment.may(user).issuperset(NEEDED)


def may_take_along(user: User, environment: Environment) -> bool:
    """Whether secrets, and tests, which may hold some, can be carried out of it."""
    return environment.may(user).issuperset(NEEDED)
