"""Tokens of people who lost what a token was for: they end, and do not come back with the next role."""

from collections.abc import Collection
from functools import partial
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models.signals import post_delete

from console.grants import common
from console.models import Organization, Role, User
from console.tokens import changes
from console.tokens.models import PersonalToken

WHY = "nothing left that it may do"


def watch() -> None:
    members = apps.get_model("teams", "Membership")
    post_delete.connect(_role_gone, Role, dispatch_uid="console.tokens.role")
    post_delete.connect(_member_gone, members, dispatch_uid="console.tokens.member")


def end_of_strangers() -> None:
    """Those of people without any role: who was told of a role's end may have been stopped before."""
    strangers = PersonalToken.objects.live().filter(user__is_superuser=False)
    strangers = strangers.exclude(user__in=User.objects.filter(Role.objects.all().holders()))
    for user in User.objects.filter(pk__in=strangers.values("user")):
        changes.end_all(None, user, WHY)


def _role_gone(instance: Role, **_: Any) -> None:
    live = PersonalToken.objects.live()
    mine = (
        live.filter(user=instance.user_id) if instance.user_id else live.filter(user__teams=instance.team_id)
    )
    _look_later(mine.values_list("user", flat=True).distinct(), instance.organization_id)


def _member_gone(instance: Any, **_: Any) -> None:
    mine = PersonalToken.objects.live().filter(user=instance.user_id)
    _look_later(mine.values_list("user", flat=True).distinct(), instance.team.organization_id)


def _look_later(users: Any, organization_id: UUID) -> None:
    """Once it is committed: a login by a provider may take one role and give another."""
    if found := list(users):
        transaction.on_commit(partial(_end, found, organization_id), robust=True)


def _end(users: Collection[UUID], organization_id: UUID) -> None:
    place = Organization.objects.filter(pk=organization_id).first()
    live = PersonalToken.objects.live().filter(user__in=users, user__is_superuser=False)
    for token in live.select_related("user", "environment__organization"):
        if not common(token.grants(), token.user.grants()):
            changes.end_all(None, token.user, WHY, place, pk=token.pk)
