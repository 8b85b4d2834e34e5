"""Writes the audit entry of a change, in the change's own transaction."""

from collections.abc import Mapping
from typing import Any

from django.db import models

from console import kept_lists
from console.models import AuditEntry, AuditEntryQuerySet, Environment, Organization, User

HIDDEN = "••••••"


def record(
    actor: User | None,
    action: AuditEntry.Action,
    target: models.Model,
    *,
    organization: Organization | None,
    environment: Environment | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    actor_name: str = "",
    of: models.Model | None = None,
) -> AuditEntry | None:
    """One entry with `{field: [before, after]}` of what differs; None when an update changes nothing.

    Without an organization it concerns the whole console, and only administrators of everything see it.
    `of` is what the target belongs to, as a policy to its API. Call it inside `transaction.atomic`.
    `before` and `after` hold JSON values, secrets already hidden. Of a long list it keeps what differs.
    """
    diff = _difference(before or {}, after or {})
    if action == AuditEntry.Action.UPDATE and not diff:
        return None
    return AuditEntry.objects.create(
        actor=actor,
        actor_name=(actor_name or _name(actor))[:160],
        organization=organization,
        environment=environment,
        action=action,
        object_type=target._meta.model_name or "",
        object_id=str(target.pk),
        object_name=str(target)[:255],
        of_type=(of._meta.model_name or "") if of else "",
        of_id=str(of.pk) if of else "",
        of_name=str(of)[:255] if of else "",
        diff=diff,
    )


def history(target: models.Model) -> AuditEntryQuerySet:
    """The changes of one object, newest first."""
    rows = AuditEntry.objects.filter(object_type=target._meta.model_name, object_id=str(target.pk))
    return rows.exclude(action=AuditEntry.Action.LOGIN)


def _name(actor: User | None) -> str:
    if actor is None:
        return "system"
    return f"{actor.get_username()} by {actor.through}" if actor.through else actor.get_username()


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    fields = sorted({*before, *after})
    return {
        name: kept_lists.shortened(before.get(name), after.get(name))
        for name in fields
        if before.get(name) != after.get(name)
    }
