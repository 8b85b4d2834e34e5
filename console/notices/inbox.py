"""What a person does with their inbox, and chooses of it."""

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import OuterRef
from django.utils import timezone

from console.counted import Counted
from console.models import User
from console.notices.kinds import NoticeKind, kinds
from console.notices.models import Notice, Preference

MOST = 1000
"""Of a person; the oldest go."""
KEPT = timedelta(days=90)
COUNTED = 100
"""More than these are not counted for the bell."""

Choice = tuple[bool, bool]
"""Whether in the inbox, and whether by mail."""


def unread() -> Counted:
    """Of the user of a session, for the query that loads it: a page asks nothing of its own."""
    return Counted(Notice.objects.unread().filter(user=OuterRef("user_id")).order_by()[:COUNTED])


def read(notice: Notice) -> None:
    Notice.objects.unread().filter(pk=notice.pk).update(read_at=timezone.now())


def read_all(user: User) -> int:
    """How many were unread."""
    return Notice.objects.unread().filter(user=user).update(read_at=timezone.now())


def chosen(user: User) -> dict[str, Choice]:
    """By the kind's name, of every kind that can be chosen for."""
    rows = {one.kind: one for one in Preference.objects.filter(user=user)}
    wishes = {kind.name: rows.get(kind.name, kind) for kind in choosable()}
    return {name: (wish.inbox, wish.mail) for name, wish in wishes.items()}


def choosable() -> list[NoticeKind]:
    """What somebody could do without."""
    return [kind for kind in kinds() if kind.is_choosable]


@transaction.atomic
def choose(user: User, choices: Mapping[str, Choice]) -> None:
    """Of kinds that can be chosen for; others stay as they are."""
    known = {kind.name for kind in choosable()}
    for name, (in_inbox, by_mail) in choices.items():
        if name in known:
            told = {"inbox": in_inbox, "mail": by_mail}
            Preference.objects.update_or_create(user=user, kind=name, defaults=told)
