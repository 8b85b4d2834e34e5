"""Every change of an environment's private CA: begun, issued from, replaced, its keystores renewed.

A truststore holds those that are trusted, so whatever trusts by it follows a replacement at once: first the
next one is trusted beside the current one, then it issues, then the previous one is ended.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Value
from django.db.models.functions import Length
from django.http import Http404
from django.utils import timezone

from apis import certificates
from apis.changes import secrets
from apis.changes.secret_uses import lock_users
from apis.changes.secrets import Material
from apis.secret_groups import issuing
from apis.secret_groups.authority import Authority, Issued
from apis.secret_groups.issuing import IssuedPair
from apis.secret_groups.models import Secret, SecretGroup, default_group
from console import audit
from console.models import AuditEntry, Environment, User

logger = logging.getLogger(__name__)
State = Authority.State
TRUSTSTORE = "private-ca"
MOST_ISSUED = 2_000
"""Live certificates of an environment."""
MOST_NAMES = 50
NONE = "{} has no private CA yet; make one first."


@transaction.atomic
def begin(actor: User, environment: Environment) -> Authority:
    """The first one, which issues at once, with the truststore of those that are trusted."""
    _lock(environment)
    if environment.authorities.exclude(state=State.ENDED).exists():
        message = f"{environment} has a private CA already."
        raise ValidationError({"": [ValidationError(message, code="conflict")]})
    made = _made(actor, environment, State.CURRENT)
    _trust(actor, environment)
    return made


@transaction.atomic
def prepare(actor: User, environment: Environment) -> Authority:
    """The next one: trusted beside the current one wherever the truststore is used; it issues nothing yet."""
    _lock(environment)
    _current(environment)
    for state, words in ((State.NEXT, "is prepared already"), (State.PREVIOUS, "of before is not ended yet")):
        if environment.authorities.filter(state=state).exists():
            raise ValidationError({"": [ValidationError(f"One {words}; go on with it.", code="conflict")]})
    made = _made(actor, environment, State.NEXT)
    _trust(actor, environment)
    return made


@transaction.atomic
def switch(actor: User, environment: Environment) -> Authority:
    """The next one issues from now on, and its keystores are renewed by it at once."""
    _lock(environment)
    current, following = _current(environment), _in_state(environment, State.NEXT)
    _move(actor, current, State.PREVIOUS)
    _move(actor, following, State.CURRENT)
    for one in _issued(environment).exclude(keystore=None).exclude(authority=following):
        _renew(actor, one, following)
    return following


@transaction.atomic
def end(actor: User, environment: Environment) -> None:
    """The previous one is trusted no more, and its key is gone for good."""
    _lock(environment)
    previous = _in_state(environment, State.PREVIOUS)
    previous.key = ""
    _move(actor, previous, State.ENDED)
    _trust(actor, environment)


@transaction.atomic
def issue_keystore(
    actor: User, group: SecretGroup, name: str, common: str, names: Sequence[str], *, days: int
) -> Secret:
    """A keystore of the group, renewed by itself when a third of its life is left."""
    environment = group.environment
    _lock(environment)
    authority = _current(environment)
    pair = _pair(authority, common, names, days)
    made = secrets.create_secret(actor, group, Secret.Kind.KEYSTORE, name, _material(authority, pair))
    _note(actor, authority, pair, common=common, names=names, days=days, keystore=made)
    return made


@transaction.atomic
def issue_once(
    actor: User, environment: Environment, common: str, names: Sequence[str], days: int
) -> tuple[str, str]:
    """(certificate, key) as PEM, for an upstream or a client elsewhere: kept by nobody here."""
    _lock(environment)
    authority = _current(environment)
    pair = _pair(authority, common, names, days)
    made = _note(actor, authority, pair, common=common, names=names, days=days)
    facts = {"name": common, "names": list(names), "days": days, "serial": pair.serial}
    _record(actor, AuditEntry.Action.CREATE, made, environment, after=facts)
    return pair.certificate, pair.key


def renew_due() -> int:
    """Renew the keystores that are due; how many were. One that fails keeps nobody else waiting: those that
    failed before come last.
    """
    third = ExpressionWrapper(F("days") * Value(timedelta(days=1) / 3), DurationField())
    rows = Issued.objects.exclude(keystore=None).filter(expires_at__lte=timezone.now() + third)
    due = rows.select_related("authority__environment").order_by(Length("trouble"), "expires_at")[:1000]
    renewed = 0
    for pk, environment in [(one.pk, one.authority.environment) for one in due]:
        try:
            with transaction.atomic():
                _lock(environment)
                one = Issued.objects.select_related("keystore__group").filter(pk=pk).first()
                if one and one.is_due:
                    _renew(None, one, _current(environment))
                    renewed += 1
        except (ValidationError, Http404) as error:
            words = " ".join(getattr(error, "messages", [str(error)]))[:500]
            Issued.objects.filter(pk=pk).update(trouble=words)
            logger.warning("certificate was not renewed issued=%s error=%r", pk, words)
    return renewed


def trusted(environment: Environment) -> list[Authority]:
    """Newest first."""
    return list(environment.authorities.filter(state__in=Authority.TRUSTED))


def _renew(actor: User | None, one: Issued, authority: Authority) -> None:
    assert one.keystore is not None
    pair = _pair(authority, one.name, one.names, one.days)
    one.keystore.group.environment = authority.environment
    secrets.edit_secret(actor, one.keystore, material=_material(authority, pair))
    one.authority, one.serial, one.expires_at, one.trouble = authority, pair.serial, pair.expires_at, ""
    one.save()


def _pair(authority: Authority, common: str, names: Sequence[str], days: int) -> IssuedPair:
    found: dict[str, list[str]] = {}
    if not common.strip():
        found["common"] = ["Say whom it is for, for example the gateway or the upstream."]
    elif len(common) > 64:
        found["common"] = ["The name is longer than 64 characters."]
    if len(names) > MOST_NAMES:
        found["names"] = [f"{len(names)} names; at most {MOST_NAMES} are allowed."]
    if not 1 <= days <= Issued.MOST_DAYS:
        found["days"] = [f"Write 1 to {Issued.MOST_DAYS} days: a short life is how it is revoked."]
    if _issued(authority.environment).filter(expires_at__gt=timezone.now()).count() >= MOST_ISSUED:
        found[""] = [f"{MOST_ISSUED:,} certificates are live; let some of them end first."]
    for one in names[:MOST_NAMES]:
        try:
            certificates.general_name(one)
        except ValueError:
            found["names"] = [f'"{one[:80]}" is neither a host name nor an IP address.']
    if authority.expires_at <= timezone.now():
        found[""] = [f"{authority} has ended; replace it first."]
    if found:
        raise ValidationError(found)
    return issuing.issue(authority.certificate, authority.key, common.strip(), names, days)


def _material(authority: Authority, pair: IssuedPair) -> Material:
    facts = certificates.read(pair.certificate)
    told: dict[str, Any] = {
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": list(facts.names),
        "starts_at": facts.starts_at.isoformat(),
        "expires_at": facts.expires_at.isoformat(),
        "fingerprint": facts.fingerprint,
        "key": "ECDSA, secp256r1",
        "chain": 1,
        "is_complete": True,
        "chain_ends": f"Issued here by {facts.issuer}, and renewed by itself.",
    }
    return Material("PEM", {"certificate": pair.certificate, "key": pair.key}, told)


def _trust(actor: User, environment: Environment) -> None:
    """The truststore with those that are trusted now."""
    found = trusted(environment)
    told = [{"subject": certificates.read(one.certificate).subject, "is_ca": True} for one in found]
    until = min(one.expires_at for one in found).isoformat()
    public = {"certificates": told, "count": len(told), "subject": told[0]["subject"], "expires_at": until}
    material = Material("PEM", {"trusted_ca": "".join(one.certificate for one in found)}, public)
    group = default_group(environment)
    group.environment = environment
    known = group.secrets.filter(kind=Secret.Kind.TRUSTSTORE, name=TRUSTSTORE).first()
    if known is None:
        secrets.create_secret(actor, group, Secret.Kind.TRUSTSTORE, TRUSTSTORE, material)
    else:
        known.group = group
        secrets.edit_secret(actor, known, material=material)


def _made(actor: User, environment: Environment, state: str) -> Authority:
    last = environment.authorities.first()
    number = last.number + 1 if last else 1
    pair = issuing.authority(f"{environment.organization} {environment} CA {number}")
    told = {"certificate": pair.certificate, "key": pair.key, "expires_at": pair.expires_at}
    made = Authority.objects.create(
        environment=environment, number=number, state=state, created_by=actor, **told
    )
    _record(actor, AuditEntry.Action.CREATE, made, environment, after={"state": made.get_state_display()})
    return made


def _move(actor: User, authority: Authority, state: Authority.State) -> None:
    before = {"state": authority.get_state_display()}
    authority.state = state
    authority.save()
    after = {"state": authority.get_state_display()}
    _record(actor, AuditEntry.Action.UPDATE, authority, authority.environment, before=before, after=after)


def _note(
    actor: User,
    authority: Authority,
    pair: IssuedPair,
    *,
    common: str,
    names: Sequence[str],
    days: int,
    keystore: Secret | None = None,
) -> Issued:
    return Issued.objects.create(
        authority=authority,
        keystore=keystore,
        name=common.strip(),
        names=list(names),
        days=days,
        serial=pair.serial,
        expires_at=pair.expires_at,
        created_by=actor,
    )


def _issued(environment: Environment) -> Any:
    return Issued.objects.filter(authority__environment=environment).select_related("keystore__group")


def _lock(environment: Environment) -> None:
    lock_users(environment)
    environment.organization.lock()
    environment.lock()


def _current(environment: Environment) -> Authority:
    found = environment.authorities.filter(state=State.CURRENT).first()
    if found is None:
        raise ValidationError({"": [NONE.format(environment)]})
    found.environment = environment
    return found


def _in_state(environment: Environment, state: Authority.State) -> Authority:
    found = environment.authorities.filter(state=state).first()
    if found is None:
        words = (
            "None is prepared; prepare the next one first."
            if state == State.NEXT
            else "There is no previous one."
        )
        raise ValidationError({"": [ValidationError(words, code="conflict")]})
    found.environment = environment
    return found


def _record(
    actor: User | None, action: AuditEntry.Action, target: Any, environment: Environment, **facts: Any
) -> None:
    audit.record(
        actor, action, target, organization=environment.organization, environment=environment, **facts
    )
