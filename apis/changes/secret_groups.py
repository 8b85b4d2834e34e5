"""Every change of a secret group: made, renamed, deleted with what is in it."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404

from apis.changes import secret_uses
from apis.changes.tls_contexts import delete_tls_context
from apis.rules.secret_names import name_faults
from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.sending import host_faults, read_hosts
from console import audit
from console.models import AuditEntry, Environment, User
from console.versions import check as check_version
from console.versions import version

MOST = 500
"""Of an environment."""


def version_of(group: SecretGroup) -> str:
    return version(_facts(group))


@transaction.atomic
def create_group(
    actor: User,
    environment: Environment,
    name: str,
    downloadable: bool = False,
    sent_to: Sequence[str] = (),
) -> SecretGroup:
    """`sent_to` are the hosts that policies may send its shared secrets to; none: to any."""
    environment.organization.lock()
    environment.lock()
    group = SecretGroup(environment=environment, name=name.strip(), downloadable=downloadable)
    group.sent_to = read_hosts(sent_to)
    group.created_by = group.changed_by = actor
    _check(group)
    if environment.secret_groups.count() >= MOST:
        raise ValidationError({"name": [f"{environment} has {MOST} secret groups, and room for no more."]})
    group.save()
    record(actor, AuditEntry.Action.CREATE, group, after=_facts(group))
    return group


@transaction.atomic
def edit_group(
    actor: User,
    group: SecretGroup,
    *,
    name: str | None = None,
    downloadable: bool | None = None,
    sent_to: Sequence[str] | None = None,
    seen: str = "",
) -> SecretGroup:
    """Its name stays while policies name secrets by it; no hosts are left out that they are sent to."""
    secret_uses.lock_users(group.environment)
    lock_group(group)
    check_version(seen, version_of(group))
    before = _facts(group)
    was, group.name = group.name, group.name if name is None else name.strip()
    group.downloadable = group.downloadable if downloadable is None else downloadable
    sent, group.sent_to = group.sent_to, group.sent_to if sent_to is None else read_hosts(sent_to)
    _check(group)
    if group.sent_to != sent:
        secret_uses.refuse_while_sent_elsewhere(group)
    if group.name != was:
        for secret in group.secrets.filter(kind=Secret.Kind.SHARED).without_content():
            secret.group.name = was
            secret_uses.refuse_while_named(secret, f"the group's name must stay {was}")
    group.changed_by = actor
    group.save()
    record(actor, AuditEntry.Action.UPDATE, group, before=before, after=_facts(group))
    return group


@transaction.atomic
def delete_group(actor: User, group: SecretGroup) -> None:
    """With all that is in it: refused while anything of it is used."""
    secret_uses.lock_users(group.environment)
    lock_group(group)
    for context in group.tls_contexts.all():
        delete_tls_context(actor, context)
    for secret in group.secrets.without_content():
        secret_uses.refuse_while_used(secret)
    record(actor, AuditEntry.Action.DELETE, group, before=_facts(group) | {"secrets": group.secrets.count()})
    group.delete()


def lock_group(group: SecretGroup) -> None:
    """The group as it is now, while nothing of its environment's secrets changes. Raises Http404."""
    group.environment.organization.lock()
    group.environment.lock()
    environment = group.environment
    try:
        group.refresh_from_db()
    except SecretGroup.DoesNotExist as gone:
        raise Http404(f"Secret group {group.pk} not found.") from gone
    group.environment = environment


def record(
    actor: User | None, action: AuditEntry.Action, group: SecretGroup, **facts: Any
) -> AuditEntry | None:
    where = group.environment
    return audit.record(actor, action, group, organization=where.organization, environment=where, **facts)


def _check(group: SecretGroup) -> None:
    if wrong := host_faults(group.sent_to):
        raise ValidationError({"sent_to": wrong})
    faults = name_faults(group.name, "secret group")
    others = group.environment.secret_groups.filter(name=group.name).exclude(pk=group.pk)
    if not faults and others.exists():
        message = f'"{group.name}" is the name of another secret group of {group.environment}.'
        raise ValidationError({"name": [ValidationError(message, code="conflict")]})
    if faults:
        raise ValidationError({"name": faults})


def _facts(group: SecretGroup) -> dict[str, Any]:
    return {"name": group.name, "downloadable": group.downloadable, "sent_to": group.sent_to}
