"""Invitations made, sent again and revoked. Atomic and audited; raises as `console.granting` does."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from console.audit import record
from console.digests import digest
from console.granting import require_administrator, role_named
from console.invitations.models import LIFETIME, Invitation
from console.models import AuditEntry, Environment, Organization, User
from console.notices import mail
from console.notices.telling import tell
from console.once import Sending, check_shown

Action = AuditEntry.Action
AGAIN_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Invited:
    """`link` is a path of this console, to be shown once; empty where a mail brings it."""

    invitation: Invitation
    link: str = ""


@dataclass(frozen=True)
class InvitedRole:
    """`name` is a built-in role, or "custom-ID"; of who is to own an `application` it is Invitation.OWNER."""

    organization: Organization
    name: str
    environment: Environment | None = None
    application: Any = None


@transaction.atomic
def make(
    actor: User, role: InvitedRole, *, email: str = "", by_mail: bool = False, sending: Sending | None = None
) -> Invited:
    """What the same `sending` made is not made again."""
    require_administrator(actor, role.organization)
    role.organization.lock()
    token = sending.secret("invitation") if sending else secrets.token_urlsafe(32)
    if found := Invitation.objects.filter(token_hash=digest(token)).first():
        check_shown(found.sent_at)
        return Invited(found, "" if found.is_mailed else link(token))
    custom, name = _named(role)
    made = Invitation(
        organization=role.organization,
        environment=role.environment,
        role=name,
        custom=custom,
        application=role.application,
        email=email.strip(),
        is_mailed=by_mail,
        token_hash=digest(token),
        inviter=actor,
    )
    _check(made)
    made.full_clean()
    made.save()
    record(
        actor,
        Action.CREATE,
        made,
        organization=made.organization,
        environment=made.environment,
        after=facts(made),
    )
    return _told(actor, made, token)


@transaction.atomic
def renew(actor: User, invitation: Invitation) -> Invited:
    """With a new link, good for a week; the one before stops working. It is from now on the actor's, who must
    be able to give the role.
    """
    invitation.organization.lock()
    found = _locked(actor, invitation)
    if found.accepted_at or found.revoked_at:
        raise ValidationError({"": [f"It is {found.state.label.lower()}; invite anew."]})
    if timezone.now() < found.sent_at + AGAIN_AFTER:
        raise ValidationError({"": ["It was made or sent less than a minute ago; wait a little."]})
    if not found.is_open:
        _check_room(found.organization)
    if found.is_mailed:
        _check_mail()
    key = f"custom-{found.custom_id}" if found.role == "custom" else found.role
    _named(InvitedRole(found.organization, key, found.environment, found.application))
    before, token = _times(found), secrets.token_urlsafe(32)
    found.token_hash, found.inviter = digest(token), actor
    found.sent_at = timezone.now()
    found.expires_at = found.sent_at + LIFETIME
    found.save(update_fields=["token_hash", "inviter", "sent_at", "expires_at"])
    _record(actor, found, before, _times(found))
    return _told(actor, found, token)


@transaction.atomic
def revoke(actor: User, invitation: Invitation) -> None:
    """Its link stops working. Revoked again, nothing changes."""
    found = _locked(actor, invitation)
    if found.accepted_at:
        raise ValidationError({"": ["It was accepted meanwhile: take the role away from the user instead."]})
    if found.revoked_at:
        return
    found.revoked_at = timezone.now()
    found.save(update_fields=["revoked_at"])
    _record(actor, found, {"state": "open"}, {"state": "revoked"})


def link(token: str) -> str:
    return reverse("join", args=[token])


def facts(one: Invitation) -> dict[str, Any]:
    """What the audit compares."""
    way = "mail" if one.is_mailed else "link"
    return {"email": one.email, "role": one.title, "where": one.place, "by": way} | _times(one)


def _times(one: Invitation) -> dict[str, str]:
    return {"ends": f"{one.expires_at:%Y-%m-%d %H:%M}", "inviter": str(one.inviter or "")}


def _named(role: InvitedRole) -> tuple[Any, str]:
    """The custom role, if it is one, and the name. Raises ValidationError for what cannot be given there."""
    if role.name != Invitation.OWNER:
        return role_named(role.organization, role.name, role.environment)
    if role.application is None or role.application.organization_id != role.organization.pk:
        raise ValidationError({"application": [f"Choose a client application of {role.organization}."]})
    if role.environment:
        raise ValidationError({"environment": ["An application is of the organization: leave it out."]})
    return None, role.name


def _locked(actor: User, invitation: Invitation) -> Invitation:
    require_administrator(actor, invitation.organization)
    found = Invitation.objects.select_for_update(no_key=True).filter(pk=invitation.pk).first()
    if found is None:
        raise Http404(f"The {invitation} was deleted.")
    return found


def _check(made: Invitation) -> None:
    rows = Invitation.objects.filter(organization=made.organization)
    rows.filter(expires_at__lt=timezone.now() - Invitation.KEPT).delete()
    _check_room(made.organization)
    if made.is_mailed:
        if not made.email:
            raise ValidationError({"email": ["To whom? Give the address that the mail goes to."]})
        _check_mail()
    same = rows.open().filter(
        environment=made.environment, role=made.role, custom=made.custom, application=made.application
    )
    if made.email and same.filter(email__iexact=made.email).exists():
        words = f"{made.email} is invited with this role already: send that invitation again, or revoke it."
        raise ValidationError({"email": [ValidationError(words, code="conflict")]})


def _check_room(organization: Organization) -> None:
    if organization.invitations.open().count() >= Invitation.MOST_OPEN:
        words = f"{organization} has {Invitation.MOST_OPEN} open invitations; revoke some first."
        raise ValidationError({"": [words]})


def _check_mail() -> None:
    if not mail.is_set_up():
        raise ValidationError({"way": ["This console sends no mails yet. Make a link, and hand it on."]})


def _told(actor: User, one: Invitation, token: str) -> Invited:
    """A mail goes to the address alone: whoever invites never sees its link."""
    if not one.is_mailed:
        return Invited(one, link(token))
    told = tell(
        "people",
        organization=one.organization,
        environment=one.environment,
        addresses=[one.email],
        subject=f"You are invited to {one.organization}",
        text=f"{actor.get_username()} invites you to Gatewright, as {one.title} of {one.place}. "
        f"The link below is good once, until {one.expires_at:%-d %B %Y, %H:%M} UTC. "
        "If you expected nothing of the kind, you need do nothing.",
        link=link(token),
    )
    if told.unmailed:
        raise ValidationError({"email": ["No mail can be sent to this address."]})
    return Invited(one)


def _record(actor: User, one: Invitation, before: dict[str, Any], after: dict[str, Any]) -> None:
    record(
        actor,
        Action.UPDATE,
        one,
        organization=one.organization,
        environment=one.environment,
        before=before,
        after=after,
    )
