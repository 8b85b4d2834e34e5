"""What users and administrators change of second factors. Atomic, audited, and told to whom it concerns."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from console.accounts import require_whole_user
from console.audit import record
from console.factors import codes, needed
from console.factors.models import LoginRule, Passkey, SecondFactor
from console.granting import require_administrator
from console.models import AuditEntry, Organization, Role, User
from console.notices.telling import tell
from console.sessions import logins
from console.tokens import access
from console.tokens.changes import end_all as end_personal_tokens

MOST_PASSKEYS = 20
UPDATE = AuditEntry.Action.UPDATE


@transaction.atomic
def set_totp(user: User, secret: str, code: str) -> list[str]:
    """The app shows codes of this secret from now on. The recovery codes, if there were none before.

    REST tokens that were got with the password alone end.
    """
    step = codes.step_of(secret, code.replace(" ", ""))
    if step is None:
        raise ValidationError({"code": ["This is not the code that the app shows now; look at its clock."]})
    factor = _locked(user)
    factor.totp_secret, factor.totp_step, factor.totp_since = secret, step, timezone.now()
    factor.failures = 0
    made = _first_codes(factor)
    factor.save()
    _changed(user, "codes of an app", "", "set up")
    return made


@transaction.atomic
def remove_totp(user: User) -> None:
    factor = _locked(user)
    if not Passkey.objects.filter(user=user).exists():
        _check_last(user)
        factor.recovery_hashes = []
    factor.totp_secret, factor.totp_since = None, None
    factor.save()
    _changed(user, "codes of an app", "set up", "removed")


@transaction.atomic
def renew_recovery_codes(user: User) -> list[str]:
    """The old ones stop working."""
    factor = _locked(user)
    made = codes.new_recovery_codes()
    factor.recovery_hashes = codes.hashed(made)
    factor.save()
    _changed(user, "recovery codes", "old", "new")
    return made


@transaction.atomic
def add_passkey(user: User, passkey: Passkey) -> list[str]:
    """The recovery codes, if there were none before."""
    factor = _locked(user)
    if user.passkeys.count() >= MOST_PASSKEYS:
        raise ValidationError("Twenty passkeys are enough; remove one first.")
    passkey.user = user
    passkey.full_clean(exclude=["credential_id", "data"])
    passkey.save()
    made = _first_codes(factor)
    factor.save()
    _changed(user, "passkey", "", passkey.name)
    return made


@transaction.atomic
def remove_passkey(user: User, passkey: Passkey) -> None:
    factor = _locked(user)
    if not factor.has_totp and user.passkeys.count() == 1:
        _check_last(user)
        factor.recovery_hashes = []
        factor.save()
    _changed(user, "passkey", passkey.name, "")
    passkey.delete()


@transaction.atomic
def reset(actor: User, user: User) -> None:
    """Of somebody who lost theirs. Their sessions end; the next login asks for the password alone, and leads
    to a new one where it is needed.
    """
    organization = require_whole_user(actor, user)
    before = {"second factor": "set up" if needed.has_factor(user) else ""}
    user.passkeys.all().delete()
    SecondFactor.objects.filter(user=user).delete()
    access.end(actor, user, "second factor reset", organization)
    record(actor, UPDATE, user, organization=organization, before=before, after={"second factor": ""})
    text = f"{actor.get_username()} removed it. If you did not ask for that, tell another administrator."
    _tell(user, organization, "Your second factor was reset", text)


@transaction.atomic
def set_rule(actor: User, organization: Organization, needs_second_factor: bool) -> None:
    """Of the members here and below. REST tokens got by a password alone end where one is needed."""
    require_administrator(actor, organization)
    organization.lock()
    rule, _ = LoginRule.objects.get_or_create(organization=organization)
    before = {"second factor": "needed" if rule.needs_second_factor else "as each likes"}
    rule.needs_second_factor = needs_second_factor
    rule.save()
    after = {"second factor": "needed" if needs_second_factor else "as each likes"}
    record(actor, UPDATE, organization, organization=organization, before=before, after=after)
    if needs_second_factor:
        below = Role.objects.filter(organization__path__startswith=organization.path)
        logins.end_tokens(User.objects.filter(below.holders() | Q(is_superuser=True)))


def _locked(user: User) -> SecondFactor:
    SecondFactor.objects.get_or_create(user=user)
    return SecondFactor.objects.select_for_update().get(user=user)


def _first_codes(factor: SecondFactor) -> list[str]:
    if factor.recovery_hashes:
        return []
    made = codes.new_recovery_codes()
    factor.recovery_hashes = codes.hashed(made)
    return made


def _check_last(user: User) -> None:
    rules = LoginRule.objects.filter(needs_second_factor=True)
    paths = [one.path for one in user.grants()]
    for rule in rules.select_related("organization"):
        if user.is_superuser or any(path.startswith(rule.organization.path) for path in paths):
            raise ValidationError(f"{rule.organization} needs a second factor; set up another one first.")


def _changed(user: User, what: str, before: Any, after: Any) -> None:
    logins.end_tokens(User.objects.filter(pk=user.pk))
    organization = user.organizations().first()
    end_personal_tokens(user, user, "second factor changed", organization, with_factor=False)
    if organization:
        record(user, UPDATE, user, organization=organization, before={what: before}, after={what: after})
    text = (
        f"What logs you in beside your password was changed ({what}: {after or 'removed'}). "
        "If it was not you, change your password and tell an administrator."
    )
    _tell(user, organization, "Your second factor was changed", text)


def _tell(user: User, organization: Organization | None, subject: str, text: str) -> None:
    link = reverse("factors")
    tell("security", organization=organization, users=[user], subject=subject, text=text, link=link)
