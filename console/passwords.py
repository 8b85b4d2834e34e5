"""A forgotten password: a link to choose a new one, sent by mail or made by an administrator.

A link is good once and for an hour: it is made of what the new password, or a login, changes.
"""

import logging

import redis
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from console.accounts import require_whole_user
from console.audit import record
from console.models import AuditEntry, User
from console.notices import mail
from console.notices.telling import tell
from console.providers import people

MOST_OF_USER, MOST_OF_ADDRESS = 3, 20
"""Mails in an hour: of each user, and asked for from each address."""
WINDOW_SECONDS = 3600
MOST_USERS = 5
"""Of one e-mail address."""

log = logging.getLogger(__name__)


def is_mail_set_up() -> bool:
    return mail.is_set_up()


def link(user: User) -> str:
    key = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("password_reset", args=[key, default_token_generator.make_token(user)])


@transaction.atomic
def send_links(request: HttpRequest, email: str) -> None:
    """To whoever has this address; whether anybody does, nobody is told."""
    if not _is_within("address", request.META.get("REMOTE_ADDR", ""), MOST_OF_ADDRESS):
        return
    found = User.objects.filter(email__iexact=email, is_active=True).order_by("pk")[:MOST_USERS]
    for user in found:
        if user.email.casefold() != email.casefold() or not _may_have_one(user):
            continue
        if _is_within("user", str(user.pk), MOST_OF_USER):
            _send(user)


@transaction.atomic
def make_link(actor: User, user: User) -> str:
    """For an administrator to hand on, in whole: whoever has it becomes the user."""
    organization = require_whole_user(actor, user)
    if not user.is_active:
        raise PermissionDenied(f"{user} was deactivated.")
    before, after = {"link to a new password": ""}, {"link to a new password": "made"}
    action = AuditEntry.Action.UPDATE
    record(actor, action, user, organization=organization, before=before, after=after)
    return f"{settings.CONSOLE_URL}{link(user)}"


def _send(user: User) -> None:
    """By mail alone: whoever sits in the user's session must not find it in the inbox."""
    tell(
        "security",
        organization=None,
        addresses=[user.email],
        subject="Choose a new password",
        text=f"Somebody asked for a new password of {user.get_username()} at Gatewright. The link below is "
        "good once, and for an hour. If it was not you, you need do nothing: your password stays as it is.",
        link=link(user),
    )


def _may_have_one(user: User) -> bool:
    """Who logs in by an identity provider alone has no password to forget."""
    return user.has_usable_password() and people.only_by(user) is None


def _is_within(kind: str, whose: str, most: int) -> bool:
    """Whether one more may be sent in this hour. Not while the cache is away: nobody fills a mailbox then."""
    key = f"password-links-{kind}-{whose}"
    try:
        cache.add(key, 0, WINDOW_SECONDS)
        return cache.incr(key) <= most
    except (redis.RedisError, ValueError) as error:
        log.warning("password_link=unsent reason=%r", str(error))
        return False
