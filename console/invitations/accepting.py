"""An invitation accepted: by somebody new, who gets an account, or with an account that there is.

Atomic and audited. Raises InvitationRefused, with words for a page, where the link is not good (any more),
and ValidationError with `{field: [messages]}`. The role is given as by the inviter, if they still may.
"""

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from console import granting
from console.audit import record
from console.digests import digest
from console.invitations.models import Invitation
from console.models import AuditEntry, Role, User
from console.notices.telling import tell
from console.providers import people

Action = AuditEntry.Action


class InvitationRefused(Exception):
    """`status` is of HTTP."""

    def __init__(self, title: str, words: str, status: int = 410) -> None:
        super().__init__(words)
        self.title, self.words, self.status = title, words, status


UNKNOWN = (
    "No such invitation",
    "Nothing belongs to this link. It may be copied in part, a newer one was sent since, or what it led to "
    "was deleted. Ask whoever invited you for a new one.",
    404,
)
USED = ("Used already", "This invitation was accepted, and is good once. If it was you, log in.")
LATE = ("Too late", "This invitation is over: it was good for a week. Ask whoever invited you for a new one.")
REVOKED = ("Revoked", "This invitation was taken back. Ask whoever invited you, if you did not expect that.")
GONE = (
    "The inviter is gone",
    "Whoever invited you has no account any more, so that the invitation is not good. Ask another "
    "administrator for a new one.",
)
MAY_NOT = (
    "The inviter may not invite any more",
    "Whoever invited you may not give this role any more. Ask an administrator for a new invitation.",
)
FULL = (
    "It has enough owners",
    "The client application has as many owners as one may have. Ask whoever invited you to take one away.",
    409,
)
NO_ROLE = (
    "The role is gone",
    "The role that you were invited for was deleted. Ask whoever invited you for a new invitation.",
)


def find(token: str) -> Invitation:
    """To be shown; raises InvitationRefused where it cannot be accepted."""
    rows = Invitation.objects.select_related(
        "organization", "environment", "custom", "inviter", "application"
    )
    return _checked(rows.filter(token_hash=digest(token)).first())


def is_for_another(invitation: Invitation, user: User) -> bool:
    """Whether the user has another address than the one that was invited."""
    return bool(invitation.email) and invitation.email.casefold() != user.email.casefold()


@transaction.atomic
def join(token: str, user: User, *, is_confirmed: bool = False) -> Invitation:
    """With the user's own account; with another address only where that `is_confirmed`."""
    found = _locked(token)
    if is_for_another(found, user) and not is_confirmed:
        words = f"The invitation is for {found.email}. Confirm that you join as {user}."
        raise ValidationError({"confirmed": [words]})
    _join(found, user)
    return found


@transaction.atomic
def join_anew(token: str, username: str, password: str) -> User:
    """As a new user, with the address that was invited. The password was validated."""
    found = _locked(token)
    user = User(username=username, email=found.email)
    user.set_password(password)
    user.full_clean()
    _check_name(user)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError:
        user.full_clean()
        raise
    after = {"username": username, "email": user.email}
    record(user, Action.CREATE, user, organization=found.organization, after=after)
    _join(found, user)
    if provider := people.only_by(user):
        words = (
            f"{provider.organization} lets people log in by {provider} alone. Log in by it, and open this "
        )
        raise InvitationRefused(
            f"Log in by {provider}", f"{words}link again: you join with that account.", 409
        )
    return user


def _check_name(user: User) -> None:
    """A stranger chooses it: nobody is to be taken for somebody else by another spelling."""
    if User.objects.filter(username__iexact=user.username).exists():
        raise ValidationError({"username": ["A user with that username already exists."]})


def _join(found: Invitation, user: User) -> None:
    assert found.inviter is not None  # checked when it was found
    if found.application:
        _own(found.inviter, found.application, user)
    else:
        _give(found.inviter, found, user)
    found.accepted_at, found.accepted_by = timezone.now(), user
    found.save(update_fields=["accepted_at", "accepted_by"])
    after = {"state": "accepted", "accepted by": user.get_username()}
    record(
        user,
        Action.UPDATE,
        found,
        organization=found.organization,
        environment=found.environment,
        before={"state": "open"},
        after=after,
    )
    tell(
        "people",
        organization=found.organization,
        environment=found.environment,
        users=[found.inviter],
        subject=f"{user} joined {found.organization}",
        text=f"{user} accepted your invitation and is {found.title} of {found.place} now.",
        link=reverse("user", args=[user.pk]),
    )


def _give(inviter: User, found: Invitation, user: User) -> None:
    name = f"custom-{found.custom_id}" if found.role == Role.CUSTOM else found.role
    try:
        granting.grant_role(inviter, user, found.organization, name, found.environment)
    except PermissionDenied as error:
        raise InvitationRefused(*MAY_NOT) from error


def _own(inviter: User, application: Any, user: User) -> None:
    """Together with those who own it already."""
    type(application).objects.select_for_update(of=("self",)).get(pk=application.pk)
    owners = application.owners.order_by("username")
    before = [one.get_username() for one in owners]
    if len(before) >= application.MOST_OWNERS:
        raise InvitationRefused(*FULL)
    application.owners.add(user)
    after = [one.get_username() for one in owners.all()]
    record(
        inviter,
        Action.UPDATE,
        application,
        organization=application.organization,
        before={"owners": before},
        after={"owners": after},
    )


def _locked(token: str) -> Invitation:
    """In two tabs at once, the second waits here, and finds it used."""
    rows = Invitation.objects.select_for_update(no_key=True)
    return _checked(rows.filter(token_hash=digest(token)).first())


def _checked(found: Invitation | None) -> Invitation:
    if found is None:
        raise InvitationRefused(*UNKNOWN)
    if found.accepted_at:
        raise InvitationRefused(*USED)
    if found.revoked_at:
        raise InvitationRefused(*REVOKED)
    if not found.is_open:
        raise InvitationRefused(*LATE)
    if found.inviter is None or not found.inviter.is_active:
        raise InvitationRefused(*GONE)
    if found.role == Role.CUSTOM and found.custom is None:
        raise InvitationRefused(*NO_ROLE)
    try:
        granting.require_administrator(found.inviter, found.organization)
    except PermissionDenied as error:
        raise InvitationRefused(*MAY_NOT) from error
    return found
