"""Every change of an automated policy: added, edited, disabled, ordered, deleted.

Each is atomic, takes who does it, raises ValidationError with `{field: [messages]}`, writes the audit entry,
and is a deployment to the gateways of the APIs that it concerns.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import Http404

from apis.automated import coverage
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.changes import bookkeeping, removal
from apis.changes.automated_check import Applies, applies_of, unsaved
from apis.changes.policies import check_release, template_of
from apis.models import ApiInstance
from apis.removed import Removed
from apis.revision import Brought
from apis.rules import policy_check
from apis.rules.policy_config import hidden, merged, read_ahead
from apis.rules.policy_place import numbered, phase_of
from console import audit
from console.among import among
from console.models import AuditEntry, Environment, User
from console.permissions import Permission
from console.versions import check as check_version
from console.versions import version as version_of
from policies.order import place
from policies.policy import Policy

MOST = 100
"""The most of an environment: each is a part of every request to the APIs that it covers."""
AT_ONCE = (
    "In {} nobody deploys what they changed alone, and this would be in force at once: an administrator "
    "changes it."
)

MAY_NOT = "This would be in force at once: it needs the permission Deploy APIs in {}, too."


def seen_version(policy: AutomatedPolicy) -> str:
    """The version of what its form shows."""
    kept = ("config", "secrets", "conditions", "label", "mode", "tags", "names", "names_are", "conflicts")
    gateways = {"gateways": list(map(str, policy.gateways))}
    return version_of({name: getattr(policy, name) for name in kept} | gateways)


def order_version(environment: Environment) -> str:
    return version_of(list(environment.automated_policies.values_list("pk", flat=True)))


def place_of(others: Iterable[AutomatedPolicy], policy: Policy[Any], order: int | None = None) -> int:
    """Behind how many of the others a new one stands; `order` is as in `add`."""
    return place([phase_of(one) for one in others], policy.phase) if order is None else max(0, order - 1)


def newest(environment: Environment) -> str:
    """The id of the one that was added last, or "0"."""
    found = environment.automated_policies.order_by("-pk").values_list("pk", flat=True).first()
    return str(found or 0)


@transaction.atomic
def add(
    actor: User,
    environment: Environment,
    policy: str,
    config: Mapping[str, Any],
    applies: Applies,
    *,
    conditions: Sequence[Mapping[str, Any]] = (),
    order: int | None = None,
    label: str = "",
    is_disabled: bool = False,
    mode: str = AutomatedPolicy.Mode.ENFORCE,
    version: str = "",
    newest_seen: int | None = None,
    policy_set: PolicySet | None = None,
) -> AutomatedPolicy:
    """`order` counts from 1; None puts it where policies of its kind stand. `newest_seen` is the id of the
    newest that the form showed: what was added since and is the same is this form, sent twice.
    """
    template = template_of(policy)
    read_ahead(template, config, lambda: environment)
    lock(environment, actor)
    check_release(template, version)
    if policy_set and not PolicySet.objects.filter(pk=policy_set.pk, environment=environment).exists():
        raise Http404(f"Policy set {policy_set.pk} not found.")
    new = unsaved(
        environment,
        template,
        config,
        applies,
        conditions=conditions,
        label=label,
        mode=mode,
        policy_set=policy_set,
    )
    new.policy_version, new.is_disabled, new.created_by = version or template.version, is_disabled, actor
    others = list(environment.automated_policies.all())
    same = seen_version(new)
    for one in others:
        is_since = newest_seen is not None and one.pk > newest_seen
        if is_since and one.policy_set_id == new.policy_set_id and seen_version(one) == same:
            return one
    _room(environment)
    at = place_of(others, template, order)
    new.save()
    _save_order([*others[:at], new, *others[at:]])
    deploy(coverage.covered(new))
    _record(actor, AuditEntry.Action.CREATE, new, after=_facts(new))
    return new


@transaction.atomic
def edit(
    actor: User,
    policy: AutomatedPolicy,
    config: Mapping[str, Any] | None = None,
    applies: Applies | None = None,
    *,
    conditions: Sequence[Mapping[str, Any]] | None = None,
    label: str | None = None,
    mode: str | None = None,
    version: str | None = None,
    is_disabled: bool | None = None,
    seen: str = "",
) -> AutomatedPolicy:
    """What is left None stays; a secret left out or "" keeps the stored one. Raises Changed when it is not
    as it was `seen`.
    """
    template = template_of(policy.policy)
    if config is not None:
        read_ahead(template, merged(config, policy.secrets), lambda: policy.environment)
    lock_policy(policy, actor)
    check_version(seen, seen_version(policy))
    if version not in (None, policy.policy_version):
        check_release(template, version or "")
    before, secrets, were = _facts(policy), policy.secrets, coverage.covered(policy)
    new = unsaved(
        policy.environment,
        template,
        policy.config if config is None else config,
        applies or applies_of(policy),
        conditions=policy.conditions if conditions is None else conditions,
        label=policy.label if label is None else label,
        mode=policy.mode if mode is None else mode,
        like=policy,
    )
    new.policy_version = policy.policy_version if version is None else version
    new.is_disabled = policy.is_disabled if is_disabled is None else is_disabled
    new.save()
    bookkeeping.take(policy, new)
    after = _facts(policy)
    if policy.secrets != secrets:
        after["secrets"] = "changed"
    if after != before:
        deploy(were | coverage.covered(policy))
    _record(actor, AuditEntry.Action.UPDATE, policy, before=before, after=after)
    return policy


@transaction.atomic
def set_disabled(actor: User, policy: AutomatedPolicy, is_disabled: bool) -> AutomatedPolicy:
    """A disabled one keeps its place and its configuration; what rested for it runs again."""
    return _switch(actor, policy, "is_disabled", is_disabled)


@transaction.atomic
def set_mode(actor: User, policy: AutomatedPolicy, mode: str) -> AutomatedPolicy:
    if mode != policy.mode and (faults := policy_check.mode_faults(template_of(policy.policy), mode)):
        raise ValidationError(faults)
    return _switch(actor, policy, "mode", mode)


@transaction.atomic
def reorder(
    actor: User, environment: Environment, ids: Sequence[int], *, seen: str = ""
) -> list[AutomatedPolicy]:
    """Run them in this order; `ids` names each once. Raises Changed when it is not as it was `seen`."""
    lock(environment, actor)
    check_version(seen, order_version(environment))
    rows = {one.pk: one for one in environment.automated_policies.all()}
    if sorted(ids) != sorted(rows):
        named = ", ".join(map(str, rows)) or "none"
        raise ValidationError({"order": [f"Name each automated policy once; there are {named}."]})
    before = [str(one) for one in rows.values()]
    moved = [pk for pk, was in zip(ids, rows, strict=True) if pk != was]
    ordered = _save_order([rows[pk] for pk in ids])
    if [one.pk for one in ordered] != list(rows):
        concerned = [coverage.covered(rows[pk]) for pk in moved]
        deploy(set().union(*concerned))
        after = [str(one) for one in ordered]
        told = ordered[0]
        _record(actor, AuditEntry.Action.UPDATE, told, before={"policies": before}, after={"policies": after})
    return ordered


@transaction.atomic
def move(actor: User, policy: AutomatedPolicy, order: int) -> None:
    """Give it this place, counted from 1."""
    lock_policy(policy, actor)
    rows = policy.environment.automated_policies.exclude(pk=policy.pk)
    ids = list(rows.values_list("pk", flat=True))
    ids.insert(max(0, order - 1), policy.pk)
    reorder(actor, policy.environment, ids)
    policy.refresh_from_db(fields=["order"])


@transaction.atomic
def delete(actor: User, policy: AutomatedPolicy, *, seen: str = "") -> Removed:
    """What rested for it on APIs runs again. It is kept for who wants it back."""
    lock_policy(policy, actor)
    check_version(seen, seen_version(policy))
    were, before, environment = coverage.covered(policy), _facts(policy), policy.environment
    key, kept = policy.pk, removal.keep_automated(actor, policy)
    policy.delete()
    _save_order(list(environment.automated_policies.all()))
    deploy(were)
    policy.pk = key
    _record(actor, AuditEntry.Action.DELETE, policy, before=before)
    return kept


@transaction.atomic
def restore(actor: User, removed: Removed) -> AutomatedPolicy:
    """As it was, in its place and under its id, in force at once. Raises ValidationError when it is no longer
    kept, or cannot be as it was.
    """
    environment = removed.environment
    lock(environment, actor)
    was = removal.automated_of(removal.locked(removed, Removed.Kind.AUTOMATED))
    if was.policy_set_id and not environment.policy_sets.filter(pk=was.policy_set_id).exists():
        message = "Its policy set was deleted, which said for which APIs it was; add it anew."
        raise ValidationError({"": [ValidationError(message, code="conflict")]})
    if was.created_by_id and not User.objects.filter(pk=was.created_by_id).exists():
        was.created_by = None
    template = template_of(was.policy)
    check_release(template, was.policy_version)
    _room(environment)
    new = unsaved(
        environment,
        template,
        was.config,
        applies_of(was),
        conditions=was.conditions,
        label=was.label,
        mode=was.mode,
        like=was,
    )
    new.save(force_insert=True)
    others = list(environment.automated_policies.exclude(pk=new.pk))
    at = max(0, was.order - 1)
    _save_order([*others[:at], new, *others[at:]])
    deploy(coverage.covered(new))
    removed.delete()
    _record(actor, AuditEntry.Action.CREATE, new, after={"restored": True} | _facts(new))
    return new


def lock(environment: Environment, actor: User) -> None:
    """Let one change at a time of what holds for its APIs, none of which is deployed elsewhere meanwhile.

    Raises ValidationError where the actor may not bring a change to gateways alone.
    """
    may = environment.may(actor)
    if Permission.DEPLOY_APIS not in may:
        raise PermissionDenied(MAY_NOT.format(environment))
    if environment.needs_second_person and Permission.ADMINISTER_ENVIRONMENT not in may:
        raise ValidationError({"": [AT_ONCE.format(environment)]})
    bookkeeping.lock(*environment.gateways.all())
    environment.lock()


def lock_policy(policy: AutomatedPolicy, actor: User) -> None:
    """The policy as it is now. Raises Http404 when it was deleted: saving it would bring it back."""
    environment = policy.environment
    lock(environment, actor)
    try:
        policy.refresh_from_db()
    except AutomatedPolicy.DoesNotExist as gone:
        raise Http404(f"Automated policy {policy.pk} not found.") from gone
    policy.environment = environment


def _room(environment: Environment) -> None:
    if environment.automated_policies.count() >= MOST:
        message = f"{environment} has {MOST} automated policies, and has room for no more; delete one."
        raise ValidationError({"policy": [message]})


def _switch(actor: User, policy: AutomatedPolicy, field: str, value: bool | str) -> AutomatedPolicy:
    lock_policy(policy, actor)
    if getattr(policy, field) == value:
        return policy
    before, were = _facts(policy), coverage.covered(policy)
    setattr(policy, field, value)
    policy.save(update_fields=[field, "updated_at"])
    deploy(were | coverage.covered(policy))
    _record(actor, AuditEntry.Action.UPDATE, policy, before=before, after=_facts(policy))
    return policy


def _save_order(rows: list[AutomatedPolicy]) -> list[AutomatedPolicy]:
    rows = numbered(rows)
    AutomatedPolicy.objects.bulk_update(rows, ["order"])
    return rows


def deploy(apis: Collection[int]) -> None:
    """Bring what holds for these to their gateways, where they are deployed."""
    bookkeeping.bump_all(ApiInstance.objects.filter(pk__in=among(apis)).deployed())


def _record(
    actor: User,
    action: AuditEntry.Action,
    policy: AutomatedPolicy,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    where = policy.environment
    entry = audit.record(
        actor,
        action,
        policy,
        organization=where.organization,
        environment=where,
        before=before,
        after=after,
    )
    if entry:
        bookkeeping.explain_shared(Brought.objects.filter(gateway__environment=where), entry)


def _facts(policy: AutomatedPolicy) -> dict[str, Any]:
    named = dict(policy.environment.gateways.values_list("pk", "name"))
    return {
        "policy": policy.policy,
        "version": policy.policy_version,
        "label": policy.label,
        "config": hidden(policy.config, policy.secrets),
        "conditions": policy.conditions,
        "order": policy.order,
        "disabled": policy.is_disabled,
        "mode": policy.mode,
        "tags": list(policy.tags),
        "gateways": [named.get(pk, str(pk)) for pk in policy.gateways],
        "names": policy.names,
        "names_are": policy.names_are,
        "conflicts": policy.conflicts,
        "policy_set": str(policy.policy_set) if policy.policy_set else None,
    }
