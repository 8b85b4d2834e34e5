"""Of which APIs somebody was granted a permission: those of environments, and single ones."""

from typing import Self, TypeVar

from django.db import models
from django.db.models import Q

from console.grants import Held
from console.models import Environment, User
from console.permissions import Permission

M = TypeVar("M", bound=models.Model)


def apis(held: Held, permission: str, to_api: str = "") -> Q:
    """`to_api` leads from a row to its API, as "api__" does."""
    if held.is_everything:
        return Q()
    found = Q(**{f"{to_api}environment__in": Environment.objects.allowing(held, permission)})
    single = held.apis(permission)
    return found | Q(**{f"{to_api}pk__in": single}) if single else found


class Permitted(models.QuerySet[M]):
    """APIs, of which people see what they were granted."""

    def visible_to(self, user: User) -> Self:
        return self.permitting(user.held())

    def permitting(self, held: Held, permission: str = Permission.VIEW_APIS) -> Self:
        return self.filter(apis(held, permission))
