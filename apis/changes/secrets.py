"""Every change of a secret: made, renamed, renewed, deleted. The same functions serve pages and REST.

What a file holds is read before anything is locked (`read`), in a process of its own. Each change is atomic,
writes the audit entry without a value, and is pushed to the gateways of all that uses the secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404
from django.utils import timezone

from apis.changes import secret_uses
from apis.changes.following import follow
from apis.changes.secret_groups import lock_group
from apis.rules.secret_names import name_faults
from apis.secret_groups import shared
from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.reading import process
from apis.secret_groups.reading.fault import StoreFault
from apis.secret_groups.reading.uploaded import UploadedSecret
from console import audit
from console.models import AuditEntry, User
from console.versions import check as check_version
from console.versions import version

MOST = 1_000
"""Of a group."""
SecretFacts = dict[str, Any]


@dataclass(frozen=True)
class Material:
    """What a secret is to hold, read and found sound."""

    type: str
    content: Mapping[str, str] = field(repr=False)
    told: Mapping[str, Any]


def read(asked: UploadedSecret, told: Mapping[str, Any] | None = None) -> Material:
    """`told` is kept beside what the files say, such as their names. Takes seconds at most; no lock is held.

    Raises ValidationError by the field of `UploadedSecret`.
    """
    if asked.type not in Secret.STORES or (asked.kind == Secret.Kind.CERTIFICATE and asked.type != "PEM"):
        kinds = "PEM" if asked.kind == Secret.Kind.CERTIFICATE else ", ".join(Secret.STORES)
        raise ValidationError({"type": [f'"{asked.type}" is no type of a {asked.kind}; write {kinds}.']})
    try:
        found = process.read(asked)
    except StoreFault as fault:
        message = str(fault)
        raise ValidationError({fault.field: [message[:1].upper() + message[1:]]}) from None
    return Material(asked.type, found["content"], {**(told or {}), **found["told"]})


def shared_material(kind: str, values: Mapping[str, str]) -> Material:
    if kind not in Secret.SHARED_TYPES:
        known = ", ".join(Secret.SHARED_TYPES)
        raise ValidationError({"type": [f'"{kind}" is no type of a shared secret; write {known}.']})
    if faults := shared.faults(kind, values):
        raise ValidationError(faults)
    return Material(kind, dict(values), shared.told(values))


def version_of(secret: Secret) -> str:
    told = {"name": secret.name, "ends_on": secret.ends_on, "type": secret.type, "content": secret.content}
    return version(told)


@transaction.atomic
def create_secret(
    actor: User | None,
    group: SecretGroup,
    kind: str,
    name: str,
    material: Material,
    *,
    ends_on: date | None = None,
) -> Secret:
    lock_group(group)
    secret = Secret(group=group, kind=kind, name=name.strip(), created_by=actor, changed_by=actor)
    if group.secrets.count() >= MOST:
        raise ValidationError({"name": [f"{group} holds {MOST:,} secrets, and has room for no more."]})
    _fill(secret, material, ends_on)
    _check(secret, is_new_date=True)
    secret.save()
    _record(actor, AuditEntry.Action.CREATE, secret, after=facts(secret))
    return secret


@transaction.atomic
def edit_secret(
    actor: User | None,
    secret: Secret,
    *,
    name: str | None = None,
    ends_on: date | str | None = "",
    material: Material | None = None,
    seen: str = "",
) -> Secret:
    """Change what is given: `ends_on` is "" for what stays. New material is in force wherever it is used.

    Raises Changed when it is not as it was `seen`.
    """
    lock_secret(secret)
    check_version(seen, version_of(secret))
    before, was, ended = facts(secret), secret.name, secret.ends_on
    secret.name = was if name is None else name.strip()
    held = Material(secret.type, secret.content, secret.told)
    _fill(secret, material or held, ended if isinstance(ends_on, str) else ends_on)
    _check(secret, is_new_date=secret.ends_on != ended)
    if secret.name != was:
        asked, secret.name = secret.name, was
        secret_uses.refuse_while_named(secret, f"its name must stay {was}")
        secret.name = asked
    is_other = dict(secret.content) != dict(held.content)
    if is_other and material and material.type != held.type and secret.is_shared:
        secret_uses.refuse_while_named(secret, f"its type must stay {held.type}")
    secret.changed_by = actor
    secret.save()
    after = facts(secret) | ({"secret": audit.HIDDEN} if is_other else {})
    entry = _record(actor, AuditEntry.Action.UPDATE, secret, before=before, after=after)
    if is_other:
        follow(secret, entry)
    return secret


@transaction.atomic
def delete_secret(actor: User, secret: Secret, *, seen: str = "") -> None:
    """Refused while anything uses it."""
    lock_secret(secret)
    check_version(seen, version_of(secret))
    secret_uses.refuse_while_used(secret)
    _record(actor, AuditEntry.Action.DELETE, secret, before=facts(secret))
    secret.delete()


def lock_secret(secret: Secret) -> None:
    """The secret as it is now, while nothing begins or ceases to use it. Raises Http404."""
    group = secret.group
    secret_uses.lock_users(group.environment)
    lock_group(group)
    try:
        secret.refresh_from_db()
    except Secret.DoesNotExist as gone:
        raise Http404(f"Secret {secret.pk} not found.") from gone
    secret.group = group


def facts(secret: Secret) -> SecretFacts:
    """What the audit compares: what identifies it, and nothing of what it holds."""
    shown = ("subject", "expires_at", "fingerprint", "count", *shared.SHOWN)
    told = {name: secret.told[name] for name in shown if secret.told.get(name) is not None}
    ends_on = str(secret.ends_on) if secret.ends_on else None
    return {
        "name": secret.name,
        "kind": secret.get_kind_display(),
        "type": secret.type,
        "ends_on": ends_on,
    } | told


def _fill(secret: Secret, material: Material, ends_on: date | None) -> None:
    secret.type, secret.content, secret.told = material.type, dict(material.content), dict(material.told)
    secret.ends_on = ends_on
    ends = [datetime.combine(ends_on, time.max, UTC)] if ends_on else []
    if until := secret.told.get("expires_at"):
        ends.append(datetime.fromisoformat(until))
    secret.expires_at = min(ends, default=None)


def _check(secret: Secret, *, is_new_date: bool) -> None:
    noun = secret.get_kind_display().lower()
    found: dict[str, list[Any]] = {}
    if faults := name_faults(secret.name, noun):
        found["name"] = list(faults)
    elif secret.group.secrets.filter(kind=secret.kind, name=secret.name).exclude(pk=secret.pk).exists():
        message = f'"{secret.name}" is the name of another {noun} of {secret.group}; choose another.'
        found["name"] = [ValidationError(message, code="conflict")]
    if is_new_date and secret.ends_on and secret.ends_on < timezone.now().date():
        found["ends_on"] = [f"{secret.ends_on:%-d %B %Y} is over."]
    if found:
        raise ValidationError(found)


def _record(
    actor: User | None,
    action: AuditEntry.Action,
    secret: Secret,
    before: SecretFacts | None = None,
    after: SecretFacts | None = None,
) -> AuditEntry | None:
    where = secret.group.environment
    return audit.record(
        actor,
        action,
        secret,
        organization=where.organization,
        environment=where,
        before=before,
        after=after,
        of=secret.group,
    )
