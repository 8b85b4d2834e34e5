"""Personal tokens made, revoked and ended. Atomic and audited; raises as `console.granting` does."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from console.audit import record
from console.grants import common
from console.models import AuditEntry, Environment, Organization, User
from console.notices.telling import tell
from console.once import Sending, check_shown
from console.permissions import EVERYTHING, Permission, words
from console.tokens.models import PREFIX, PersonalToken, hashed, new_secret

Action = AuditEntry.Action
MOST_WARNED = timedelta(days=7)
"""So long before its end its user is told; of a short life, a quarter before."""


@dataclass(frozen=True)
class WantedToken:
    name: str
    permissions: tuple[str, ...]
    expires_at: datetime
    environment: Environment | None = None


@transaction.atomic
def make(
    user: User, wanted: WantedToken, *, with_factor: bool = False, sending: Sending | None = None
) -> tuple[PersonalToken, str]:
    """The token's row and the token, to be shown once. What the same `sending` made is not made again."""
    if user.through is not None:
        raise PermissionDenied("Personal tokens are made by people who are logged in.")
    if not User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True).exists():
        raise PermissionDenied("Your account was deactivated.")
    secret = sending.secret("personal token") if sending else new_secret()
    if found := PersonalToken.objects.filter(token_hash=hashed(secret)).first():
        if not found.is_live:
            raise ValidationError({"": ["This form made a token, which has ended since; open it anew."]})
        check_shown(found.created_at)
        return found, PREFIX + secret
    token = PersonalToken(
        user=user,
        name=wanted.name.strip(),
        permissions=sorted(wanted.permissions),
        environment=wanted.environment,
        expires_at=wanted.expires_at,
        with_factor=with_factor,
        token_hash=hashed(secret),
    )
    _check(token)
    token.full_clean()
    now = timezone.now()
    token.warn_at = token.expires_at - min(MOST_WARNED, (token.expires_at - now) / 4)
    token.save()
    _record(user, Action.CREATE, token, after=facts(token))
    text = f"It may be used until {token.expires_at:%-d %B %Y}. If it was not you, revoke it and change your "
    _tell(token, f"A personal token was made: {token}", text + "password.")
    return token, PREFIX + secret


@transaction.atomic
def revoke(actor: User, token: PersonalToken) -> None:
    """It stops working at once. One's own, or as an administrator; revoked again, nothing changes."""
    is_own = actor.pk == token.user_id
    if not is_own and not PersonalToken.objects.administered_by(actor).filter(pk=token.pk).exists():
        raise PermissionDenied(f"You administer no organization that the token {token} reaches.")
    by = actor.get_username()
    ended = end_all(actor, token.user, "revoked" if is_own else f"revoked by {by}", pk=token.pk)
    if ended and not is_own:
        text = f"{by}, who administers an organization that it reached, revoked it."
        _tell(token, f"Your personal token was revoked: {token}", text)


@transaction.atomic
def end_all(
    actor: User | None, user: User, why: str, organization: Organization | None = None, **which: Any
) -> int:
    """How many of the user's tokens ended, of `which` there are; the audit entries are the organization's."""
    rows = PersonalToken.objects.live().filter(user=user, **which)
    found = list(rows.select_related("user", "environment__organization").select_for_update(of=("self",)))
    PersonalToken.objects.filter(pk__in=[one.pk for one in found]).update(
        ended_at=timezone.now(), ending=why[:120]
    )
    for one in found:
        _record(actor, Action.DELETE, one, organization, before=facts(one), after={"ended": why})
    return len(found)


def facts(token: PersonalToken) -> dict[str, Any]:
    """What the audit compares."""
    return {
        "user": token.user.get_username(),
        "permissions": ", ".join(words(token.permissions)),
        "where": token.place,
        "ends": f"{token.expires_at:%Y-%m-%d}",
    }


def warn(now: datetime) -> None:
    """Tell people of those that end soon; each once."""
    with transaction.atomic():
        late = PersonalToken.objects.live().filter(warn_at__lte=now).select_related("user")
        for token in late.select_for_update(skip_locked=True, of=("self",))[:500]:
            PersonalToken.objects.filter(pk=token.pk).update(warn_at=None)
            text = f"It ends on {token.expires_at:%-d %B %Y, %H:%M} UTC. Make another to take its place."
            _tell(token, f"Your personal token ends soon: {token}", text)


def _check(token: PersonalToken) -> None:
    now, rows = timezone.now(), PersonalToken.objects.live().filter(user=token.user)
    if token.expires_at <= now:
        raise ValidationError({"expires_at": ["This is over already; choose a later date."]})
    if token.expires_at > now + timedelta(days=PersonalToken.MOST_DAYS + 1):
        raise ValidationError({"expires_at": ["A token lasts a year at most; choose an earlier date."]})
    if rows.count() >= PersonalToken.MOST_LIVE:
        words = f"You have {PersonalToken.MOST_LIVE} tokens; revoke one first."
        raise ValidationError({"": [words]})
    if rows.filter(name__iexact=token.name).exists():
        told = f"You have a token called {token.name} already; choose another name."
        raise ValidationError({"name": [ValidationError(told, code="conflict")]})
    _check_permissions(token)


def _check_permissions(token: PersonalToken) -> None:
    """Those alone that its user holds somewhere that it reaches."""
    chosen = frozenset(token.permissions)
    if not chosen:
        raise ValidationError({"permissions": ["Choose at least one."]})
    if unknown := chosen - EVERYTHING:
        raise ValidationError({"permissions": [f"There is no permission {min(unknown)}."]})
    if Permission.ADMINISTER_ORGANIZATION in chosen and token.environment:
        told = "Administer the organization holds for all of it: leave the environment out."
        raise ValidationError({"permissions": [told]})
    held = token.grants() if token.user.reaches_everything else common(token.grants(), token.user.grants())
    if lacking := chosen.difference(*(one.permissions for one in held)):
        label = Permission(min(lacking)).label
        raise ValidationError({"permissions": [f"You do not hold {label} there, and the token may not."]})


def _place(token: PersonalToken) -> Organization | None:
    """Where the audit log tells of it: what reaches everything concerns the whole console."""
    if token.environment:
        return token.environment.organization
    return None if token.user.is_superuser else token.user.organizations().first()


def _record(
    actor: User | None,
    action: AuditEntry.Action,
    token: PersonalToken,
    organization: Organization | None = None,
    **facts: Any,
) -> None:
    place = organization or _place(token)
    record(actor, action, token, organization=place, environment=token.environment, **facts)


def _tell(token: PersonalToken, subject: str, text: str) -> None:
    link = reverse("profile")
    tell("security", organization=None, users=[token.user], subject=subject, text=text, link=link)
