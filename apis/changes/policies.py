"""Every change of a policy on an API: applied, edited, disabled, ordered, removed."""

import re
from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404

from apis.changes import bookkeeping, removal, versions
from apis.models import ApiInstance, PolicyBinding
from apis.removed import Removed
from apis.rules.instances import regex_fault
from apis.rules.policy_config import Config, checked, hidden, merged
from console.models import AuditEntry, User
from console.versions import check as check_version
from policies import catalog
from policies.order import place
from policies.policy import Phase, Policy

MOST_CONDITIONS = 200
CONDITION_KEYS = ("methodRegex", "uriTemplateRegex")


@transaction.atomic
def apply_policy(
    actor: User,
    api: ApiInstance,
    policy: str,
    config: Mapping[str, Any],
    *,
    conditions: Sequence[Mapping[str, Any]] = (),
    order: int | None = None,
    label: str = "",
    is_disabled: bool = False,
    mode: str = PolicyBinding.Mode.ENFORCE,
    version: str = "",
    allow_duplicated: bool = True,
    newest: int | None = None,
    pk: int | None = None,
) -> PolicyBinding:
    """`policy` is a name or alias of the catalog; `order` counts from 1, None puts it last.

    `newest` is the id of the newest policy that the form showed: what was applied since and is the same in
    everything is this form, sent twice, and is applied once. `pk` is the id of one that comes back.
    """
    template = template_of(policy)
    bookkeeping.lock(api.gateway, api=api)
    _check_version(template, version)
    public, secrets, rows = _checked(template, config, conditions, mode)
    same = (label[:255], public, secrets, rows)
    if newest is not None and (sent := _applied_since(api, newest, template, same)):
        return sent
    if not allow_duplicated and api.policies.filter(policy=template.name).exists():
        message = (
            f"{template.title} is applied to {api} already; edit it instead, or send allowDuplicated=true."
        )
        raise ValidationError({"policy": [ValidationError(message, code="conflict")]})
    binding = PolicyBinding.objects.create(
        pk=pk,
        api=api,
        policy=template.name,
        policy_version=version or template.version,
        label=label[:255],
        config=public,
        secrets=secrets,
        conditions=rows,
        order=api.policies.count() + 1,
        is_disabled=is_disabled,
        mode=mode,
    )
    _renumber(api, binding, order)
    _bump(api)
    bookkeeping.record(actor, AuditEntry.Action.CREATE, api, target=binding, after=_facts(binding))
    return binding


@transaction.atomic
def edit_policy(
    actor: User,
    binding: PolicyBinding,
    config: Mapping[str, Any],
    *,
    conditions: Sequence[Mapping[str, Any]] | None = None,
    label: str | None = None,
    version: str | None = None,
    mode: str | None = None,
    seen: str = "",
) -> PolicyBinding:
    """A secret left out or "" keeps the stored one; `conditions`, `label`, `version` and `mode` left None
    stay.

    Raises Changed when the policy is not as it was `seen`.
    """
    template = template_of(binding.policy)
    lock_policy(binding)
    check_version(seen, versions.of_policy(binding))
    if version != binding.policy_version:
        _check_version(template, version or "")
    before, secrets = _facts(binding), binding.secrets
    binding.mode = binding.mode if mode is None else mode
    binding.config, binding.secrets, rows = _checked(
        template, merged(config, secrets), conditions or (), binding.mode
    )
    if conditions is not None:
        binding.conditions = rows
    if label is not None:
        binding.label = label[:255]
    if version is not None:
        binding.policy_version = version
    binding.save()
    after = _facts(binding)
    if binding.secrets != secrets:
        after["secrets"] = "changed"
    if after != before:
        _bump(binding.api)
    bookkeeping.record(
        actor, AuditEntry.Action.UPDATE, binding.api, target=binding, before=before, after=after
    )
    return binding


@transaction.atomic
def set_policy_disabled(actor: User, binding: PolicyBinding, is_disabled: bool) -> PolicyBinding:
    """A disabled policy keeps its place and its configuration, and does nothing."""
    return _switch(actor, binding, "is_disabled", is_disabled)


@transaction.atomic
def set_policy_mode(actor: User, binding: PolicyBinding, mode: str) -> PolicyBinding:
    """Whether it refuses, or only tells of it; the rest of it stays."""
    if mode != binding.mode and (faults := _mode_faults(template_of(binding.policy), mode)):
        raise ValidationError(faults)
    return _switch(actor, binding, "mode", mode)


def _switch(actor: User, binding: PolicyBinding, field: str, value: bool | str) -> PolicyBinding:
    """Change one field of it, and nothing where it is so already."""
    if getattr(binding, field) == value:
        return binding
    lock_policy(binding)
    before = _facts(binding)
    setattr(binding, field, value)
    binding.save()
    _bump(binding.api)
    bookkeeping.record(
        actor, AuditEntry.Action.UPDATE, binding.api, target=binding, before=before, after=_facts(binding)
    )
    return binding


@transaction.atomic
def reorder_policies(
    actor: User, api: ApiInstance, ids: Sequence[int], *, seen: str = ""
) -> list[PolicyBinding]:
    """Run the API's policies in this order; `ids` names each of them once. Raises Changed when the order is
    not as it was `seen`.
    """
    bookkeeping.lock(api.gateway, api=api)
    check_version(seen, versions.of_order(api))
    rows = {row.pk: row for row in api.policies.all()}
    if sorted(ids) != sorted(rows):
        named = ", ".join(map(str, rows)) or "none"
        raise ValidationError({"order": [f"Name each policy of the API once; it has {named}."]})
    before = [str(row) for row in rows.values()]
    ordered = _save_order([rows[pk] for pk in ids])
    after = [str(row) for row in ordered]
    if [row.pk for row in ordered] != list(rows):
        _bump(api)
        bookkeeping.record(
            actor, AuditEntry.Action.UPDATE, api, before={"policies": before}, after={"policies": after}
        )
    return ordered


@transaction.atomic
def move_policy(actor: User, binding: PolicyBinding, order: int) -> None:
    """Give the policy this place, counted from 1, among those that the API has now."""
    lock_policy(binding)
    ids = [pk for pk in binding.api.policies.values_list("pk", flat=True) if pk != binding.pk]
    ids.insert(order - 1, binding.pk)
    reorder_policies(actor, binding.api, ids)
    binding.refresh_from_db(fields=["order"])


@transaction.atomic
def remove_policy(actor: User, binding: PolicyBinding) -> Removed:
    """What is answered can be given to `restore_policy`, for some time."""
    api = binding.api
    lock_policy(binding)
    before, told = _facts(binding), copy(binding)
    removed = removal.keep_policy(actor, binding)
    binding.delete()
    _save_order(list(api.policies.all()))
    _bump(api)
    bookkeeping.record(actor, AuditEntry.Action.DELETE, api, target=told, before=before)
    return removed


@transaction.atomic
def restore_policy(actor: User, api: ApiInstance, removed: Removed) -> PolicyBinding:
    """Apply it again where it was, under the id that it had. Raises ValidationError when it is no longer
    kept, or the catalog takes it no more.
    """
    bookkeeping.lock(api.gateway, api=api)
    was = removal.policy_of(removal.locked(removed, Removed.Kind.POLICY))
    if was.api_id != api.pk:
        raise ValidationError({"policy": [f"{was.title} was not removed from {api}."]})
    binding = apply_policy(
        actor,
        api,
        was.policy,
        merged(was.config, was.secrets),
        conditions=was.conditions,
        order=was.order,
        label=was.label,
        is_disabled=was.is_disabled,
        mode=was.mode,
        version=was.policy_version,
        pk=was.pk,
    )
    removed.delete()
    return binding


def policy_faults(
    policy: Policy[Any],
    config: Mapping[str, Any],
    conditions: Sequence[Mapping[str, Any]],
    mode: str = PolicyBinding.Mode.ENFORCE,
) -> dict[str, list[str]]:
    """What is wrong with all of them, by field."""
    try:
        _checked(policy, config, conditions, mode)
    except ValidationError as error:
        return error.message_dict
    return {}


def lock_policy(binding: PolicyBinding) -> None:
    """The binding as it is now. Raises Http404 when it was removed: saving it would bring it back."""
    api = binding.api
    bookkeeping.lock(api.gateway, api=api)
    try:
        binding.refresh_from_db()
    except PolicyBinding.DoesNotExist as gone:
        raise Http404(f"Policy {binding.pk} of API {api.pk} not found.") from gone
    binding.api = api


def template_of(policy: str) -> Policy[Any]:
    """The catalog's entry. Raises ValidationError naming the closest one when there is none."""
    try:
        return catalog.find(policy)
    except catalog.UnknownPolicy as error:
        raise ValidationError({"policy": [str(error)]}) from error


def _check_version(policy: Policy[Any], asked: str) -> None:
    """An older release of the same major version is taken: what runs is the catalog's own."""
    if not asked:
        return
    newest = tuple(map(int, policy.version.split(".")))
    wanted = tuple(map(int, asked.split("."))) if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){2}", asked) else ()
    if not wanted or wanted[0] != newest[0] or wanted > newest:
        message = f"{policy.title} has no version {asked}; there are {newest[0]}.0.0 to {policy.version}."
        raise ValidationError({"policy_version": [message]})


def _mode_faults(policy: Policy[Any], mode: str) -> dict[str, list[str]]:
    if mode not in PolicyBinding.Mode.values:
        return {"mode": [f'"{mode}" is no mode; write {" or ".join(PolicyBinding.Mode.values)}.']}
    if mode == PolicyBinding.Mode.OBSERVE and not policy.refuses:
        return {"mode": [f"{policy.title} refuses nothing that could be observed."]}
    return {}


def _checked(
    policy: Policy[Any], config: Mapping[str, Any], conditions: Sequence[Mapping[str, Any]], mode: str
) -> tuple[Config, dict[str, str], list[dict[str, str]]]:
    """(configuration without secrets, secrets, conditions). Raises ValidationError with what is wrong in
    any of them, so that a form need not be sent once for each.
    """
    public: Config = {}
    secrets: dict[str, str] = {}
    rows: list[dict[str, str]] = []
    faults = _mode_faults(policy, mode)
    try:
        public, secrets = checked(policy, config)
    except ValidationError as error:
        faults |= error.message_dict
    try:
        rows = _conditions(policy, conditions)
    except ValidationError as error:
        faults |= error.message_dict
    if faults:
        raise ValidationError(faults)
    return public, secrets, rows


def _conditions(policy: Policy[Any], given: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Rows without a rule are dropped; several rows mean "or"."""
    found: list[dict[str, str]] = []
    errors: dict[str, list[str]] = {}
    if len(given) > MOST_CONDITIONS:
        raise ValidationError(
            {"conditions": [f"{len(given)} conditions; at most {MOST_CONDITIONS} are allowed."]}
        )
    for index, row in enumerate(given):
        for key, value in row.items():
            field = f"conditions.{index}.{key}"
            if key not in CONDITION_KEYS:
                errors[field] = [f'"{key}" is not part of a condition; write {" and ".join(CONDITION_KEYS)}.']
            elif value and (reason := regex_fault(str(value))):
                errors[field] = [f"{reason}."]
        kept = {key: str(row[key]) for key in CONDITION_KEYS if row.get(key)}
        if kept:
            found.append(kept)
    if found and not policy.is_resource_level:
        errors["conditions"] = [f"{policy.title} holds for the whole API; take its conditions away."]
    if errors:
        raise ValidationError(errors)
    return found


def place_of(api: ApiInstance, policy: Policy[Any]) -> int:
    """Where among the API's policies one belongs of which nobody says where, counted from 1."""
    return place([_phase(row) for row in api.policies.all()], policy.phase) + 1


def _applied_since(
    api: ApiInstance, newest: int, template: Policy[Any], same: tuple[Any, ...]
) -> PolicyBinding | None:
    rows = api.policies.filter(pk__gt=newest, policy=template.name)
    return next((one for one in rows if (one.label, one.config, one.secrets, one.conditions) == same), None)


def _renumber(api: ApiInstance, new: PolicyBinding, order: int | None) -> None:
    rows = [row for row in api.policies.all() if row.pk != new.pk]
    rows.insert(len(rows) if order is None else max(0, order - 1), new)
    _save_order(rows)


def _save_order(rows: list[PolicyBinding]) -> list[PolicyBinding]:
    """Number the rows from 1, those that always run first before the rest."""
    rows = sorted(rows, key=lambda row: _phase(row) is not Phase.CORS)
    for order, row in enumerate(rows, start=1):
        row.order = order
    PolicyBinding.objects.bulk_update(rows, ["order"])
    return rows


def _phase(row: PolicyBinding) -> Phase:
    """That of what the catalog no longer has is the last: it is where it was put."""
    try:
        return row.template.phase
    except catalog.UnknownPolicy:
        return Phase.LOG


def _bump(api: ApiInstance) -> None:
    if api.is_deployed:
        bookkeeping.bump(api, api.gateway)


def _facts(binding: PolicyBinding) -> dict[str, Any]:
    return {
        "policy": binding.policy,
        "version": binding.policy_version,
        "label": binding.label,
        "config": hidden(binding.config, binding.secrets),
        "conditions": binding.conditions,
        "order": binding.order,
        "disabled": binding.is_disabled,
        "mode": binding.mode,
    }
