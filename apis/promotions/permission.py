"""Who may promote to an environment: asked here, by pages, REST and workers alike."""

from django.db.models import QuerySet

from console.models import Environment, Role, User

NOWHERE = "You need the role Manager or Administrator in the environment that it is promoted to."


def targets(user: User) -> QuerySet[Environment]:
    found = Environment.objects.permitting(user, Role.EDITORS)
    return found.select_related("organization").order_by("organization__path", "name")


def may_promote_to(user: User, environment: Environment) -> bool:
    return environment.permits(user, *Role.EDITORS)


def may_take_along(user: User, environment: Environment) -> bool:
    """Whether secrets, and tests, which may hold some, can be carried out of it."""
    return environment.permits(user, *Role.EDITORS)
