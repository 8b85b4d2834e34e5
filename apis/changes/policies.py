"""Every change of a policy on an API: applied, edited, disabled, ordered, removed."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404

from apis.changes import bookkeeping, deploying, removal, versions
from apis.models import ApiInstance, PolicyBinding
from apis.removed import Removed
from apis.rules import kept_secrets, policy_check, policy_side
from apis.rules.policy_config import hidden, merged, read_ahead
from apis.rules.policy_place import numbered, phase_of
from console.compiled import CompiledQuery
from console.models import AuditEntry, User
from console.versions import check as check_version
from policies import catalog
from policies.order import place
from policies.policy import Policy


@transaction.atomic
def apply_policy(
    actor: User,
    api: ApiInstance,
    policy: str,
    config: Mapping[str, Any],
    *,
    conditions: Sequence[Mapping[str, Any]] = (),
    upstreams: Sequence[UUID] = (),
    order: int | None = None,
    label: str = "",
    is_disabled: bool = False,
    mode: str = PolicyBinding.Mode.ENFORCE,
    version: str = "",
    allow_duplicated: bool = True,
    newest: int | None = None,
    pk: int | None = None,
    deploy: bool | None = None,
) -> PolicyBinding:
    """`policy` is a name or alias, `upstreams` those that an outbound one acts on; `order` counts from 1.
    `newest` is the id of the newest policy that the form showed: what was applied since and is the same is
    this form, sent twice, and is applied once. `pk` is the id of one that comes back.
    """
    template = template_of(policy)
    _lock(api, template, config)
    check_release(template, version)
    public, secrets, rows = policy_check.checked(
        api, template, config, conditions, mode=mode, upstreams=upstreams
    )
    same = (template.name, label[:255], public, secrets, rows, list(upstreams))
    if newest is not None and (sent := _applied_since(api, newest, same)):
        return sent
    policy_side.check_free(api, template, upstreams, allow_duplicated=allow_duplicated)
    binding = PolicyBinding.objects.create(
        pk=pk,
        api=api,
        policy=template.name,
        policy_version=version or template.version,
        label=label[:255],
        config=public,
        secrets=secrets,
        conditions=rows,
        upstreams=list(upstreams),
        order=0,
        is_disabled=is_disabled,
        mode=mode,
    )
    _renumber(api, binding, order)
    deploying.saved(actor, api, deploy=deploy)
    bookkeeping.record(actor, AuditEntry.Action.CREATE, api, target=binding, after=_facts(binding))
    return binding


@transaction.atomic
def edit_policy(
    actor: User,
    binding: PolicyBinding,
    config: Mapping[str, Any] | None,
    *,
    conditions: Sequence[Mapping[str, Any]] | None = None,
    upstreams: Sequence[UUID] | None = None,
    label: str | None = None,
    version: str | None = None,
    mode: str | None = None,
    seen: str = "",
    deploy: bool | None = None,
) -> PolicyBinding:
    """A secret left out or "" keeps the stored one, for the address that it was given for; what is left None
    stays.

    Raises Changed when the policy is not as it was `seen`.
    """
    template = template_of(binding.policy)
    _lock_read(binding, template, config)
    check_version(seen, versions.of_policy(binding))
    if version != binding.policy_version:
        check_release(template, version or "")
    before, secrets, acted_on = _facts(binding), binding.secrets, binding.upstreams
    binding.mode = binding.mode if mode is None else mode
    binding.upstreams = binding.upstreams if upstreams is None else list(upstreams)
    binding.config, binding.secrets, rows = _checked(binding, template, config, conditions)
    policy_side.check_free(binding.api, template, binding.upstreams, but=binding)
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
    if after != before or binding.upstreams != acted_on:  # Two upstreams may have one name.
        deploying.saved(actor, binding.api, deploy=deploy)
    bookkeeping.record(
        actor, AuditEntry.Action.UPDATE, binding.api, target=binding, before=before, after=after
    )
    return binding


def _checked(
    binding: PolicyBinding,
    template: Policy[Any],
    config: Mapping[str, Any] | None,
    conditions: Sequence[Mapping[str, Any]] | None,
) -> tuple[dict[str, Any], dict[str, str], list[dict[str, str]]]:
    given = binding.config if config is None else config
    return policy_check.checked(
        binding.api,
        template,
        merged(given, binding.secrets),
        conditions or (),
        mode=binding.mode,
        upstreams=binding.upstreams,
        found=kept_secrets.faults(template, binding.config, binding.secrets, given),
    )


@transaction.atomic
def set_policy_disabled(
    actor: User, binding: PolicyBinding, is_disabled: bool, *, deploy: bool | None = None
) -> PolicyBinding:
    """A disabled policy keeps its place and its configuration, and does nothing."""
    return _switch(actor, binding, "is_disabled", is_disabled, deploy)


@transaction.atomic
def set_policy_mode(
    actor: User, binding: PolicyBinding, mode: str, *, deploy: bool | None = None
) -> PolicyBinding:
    """Whether it refuses, or only tells of it; the rest of it stays."""
    if mode != binding.mode and (faults := policy_check.mode_faults(template_of(binding.policy), mode)):
        raise ValidationError(faults)
    return _switch(actor, binding, "mode", mode, deploy)


def _switch(
    actor: User, binding: PolicyBinding, field: str, value: bool | str, deploy: bool | None
) -> PolicyBinding:
    """Change one field of it, and nothing where it is so already."""
    if getattr(binding, field) == value:
        return binding
    lock_policy(binding)
    before = _facts(binding)
    setattr(binding, field, value)
    binding.save()
    deploying.saved(actor, binding.api, deploy=deploy)
    bookkeeping.record(
        actor, AuditEntry.Action.UPDATE, binding.api, target=binding, before=before, after=_facts(binding)
    )
    return binding


@transaction.atomic
def reorder_policies(
    actor: User, api: ApiInstance, ids: Sequence[int], *, seen: str = "", deploy: bool | None = None
) -> list[PolicyBinding]:
    """Run the API's policies in this order; `ids` names each of them once. Raises Changed when the order is
    not as it was `seen`.
    """
    bookkeeping.lock(api.gateway, api=api)
    check_version(seen, versions.of_order(api))
    rows = {row.pk: row for row in api.policies.inbound()}
    if sorted(ids) != sorted(rows):
        named = ", ".join(map(str, rows)) or "none"
        raise ValidationError({"order": [f"Name each policy on requests to the API once; it has {named}."]})
    before = _told(rows.values())
    ordered = _save_order([rows[pk] for pk in ids])
    after = _told(ordered)
    if [row.pk for row in ordered] != list(rows):
        deploying.saved(actor, api, deploy=deploy)
        bookkeeping.record(
            actor, AuditEntry.Action.UPDATE, api, before={"policies": before}, after={"policies": after}
        )
    return ordered


@transaction.atomic
def move_policy(actor: User, binding: PolicyBinding, order: int, *, deploy: bool | None = None) -> None:
    """Give the policy this place, counted from 1, among the inbound ones that the API has now."""
    lock_policy(binding)
    if binding.is_outbound:
        raise ValidationError({"order": [f"{binding.title} acts on upstreams, where there is no order."]})
    ids = [pk for pk in binding.api.policies.inbound().values_list("pk", flat=True) if pk != binding.pk]
    ids.insert(order - 1, binding.pk)
    reorder_policies(actor, binding.api, ids, deploy=deploy)
    binding.refresh_from_db(fields=["order"])


@transaction.atomic
def remove_policy(actor: User, binding: PolicyBinding, *, deploy: bool | None = None) -> Removed:
    """What is answered can be given to `restore_policy`, for some time."""
    api = binding.api
    lock_policy(binding)
    before, told = _facts(binding), copy(binding)
    removed = removal.keep_policy(actor, binding)
    binding.delete()
    _save_order(list(api.policies.outbound() if told.is_outbound else api.policies.inbound()))
    deploying.saved(actor, api, deploy=deploy)
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
    if api.policies.filter(pk=was.pk).exists():
        message = f"{was.title} is back already: the changes that removed it were discarded."
        raise ValidationError({"policy": [ValidationError(message, code="conflict")]})
    binding = apply_policy(
        actor,
        api,
        was.policy,
        merged(was.config, was.secrets),
        conditions=was.conditions,
        upstreams=was.upstreams,
        order=None if was.is_outbound else was.order,
        label=was.label,
        is_disabled=was.is_disabled,
        mode=was.mode,
        version=was.policy_version,
        pk=was.pk,
    )
    removed.delete()
    return binding


def _lock(api: ApiInstance, template: Policy[Any], config: Mapping[str, Any]) -> None:
    """What takes long to read is read before."""
    read_ahead(template, config, lambda: api.environment)
    bookkeeping.lock(api.gateway, api=api)


def _lock_read(binding: PolicyBinding, template: Policy[Any], config: Mapping[str, Any] | None) -> None:
    if config is not None:
        read_ahead(template, merged(config, binding.secrets), lambda: binding.api.environment)
    lock_policy(binding)


_NOW = CompiledQuery(lambda pk: PolicyBinding.objects.order_by().filter(pk=pk), pk=2**62 + 7)


def lock_policy(binding: PolicyBinding) -> None:
    """The binding as it is now. Raises Http404 when it was removed: saving it would bring it back."""
    api = binding.api
    bookkeeping.lock(api.gateway, api=api)
    row = _NOW.first(pk=binding.pk)
    if row is None:
        raise Http404(f"Policy {binding.pk} of API {api.pk} not found.")
    bookkeeping.take(binding, row)
    binding.api = api


def template_of(policy: str) -> Policy[Any]:
    """The catalog's entry. Raises ValidationError naming the closest one when there is none."""
    try:
        return catalog.find(policy)
    except catalog.UnknownPolicy as error:
        raise ValidationError({"policy": [str(error)]}) from error


def check_release(policy: Policy[Any], asked: str) -> None:
    """An older release of the same major version is taken: what runs is the catalog's own."""
    if not asked:
        return
    newest = tuple(map(int, policy.version.split(".")))
    wanted = tuple(map(int, asked.split("."))) if re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4}){2}", asked) else ()
    if not wanted or wanted[0] != newest[0] or wanted > newest:
        message = f"{policy.title} has no version {asked}; there are {newest[0]}.0.0 to {policy.version}."
        raise ValidationError({"policy_version": [message]})


def place_of(api: ApiInstance, policy: Policy[Any]) -> int:
    """Where among the API's policies one belongs of which nobody says where, counted from 1."""
    return place([phase_of(row) for row in api.policies.inbound()], policy.phase) + 1


def _applied_since(api: ApiInstance, newest: int, same: tuple[Any, ...]) -> PolicyBinding | None:
    names = ("policy", "label", "config", "secrets", "conditions", "upstreams")
    rows = api.policies.filter(pk__gt=newest)
    return next((row for row in rows if tuple(getattr(row, name) for name in names) == same), None)


def _renumber(api: ApiInstance, new: PolicyBinding, order: int | None) -> None:
    """Outbound policies have no order: each stands where it was applied."""
    side = api.policies.outbound() if new.is_outbound else api.policies.inbound()
    rows = [row for row in side if row.pk != new.pk]
    at = len(rows) if order is None else min(max(0, order - 1), len(rows))
    rows.insert(at, new)
    _save_order(rows)


def _save_order(rows: list[PolicyBinding]) -> list[PolicyBinding]:
    rows = numbered(rows)
    PolicyBinding.objects.bulk_update(rows, ["order"])
    return rows


def _told(rows: Iterable[PolicyBinding]) -> list[str]:
    """Their titles, with the ids of those that share one: to swap them is a change, too."""
    rows = list(rows)
    count = Counter(row.title for row in rows)
    return [f"{row.title} {row.pk}" if count[row.title] > 1 else row.title for row in rows]


def _named(binding: PolicyBinding) -> list[str]:
    return [str(row) for row in binding.api.upstreams.all() if row.pk in binding.upstreams]


def _facts(binding: PolicyBinding) -> dict[str, Any]:
    return {
        **({"upstreams": _named(binding)} if binding.is_outbound else {}),
        "policy": binding.policy,
        "version": binding.policy_version,
        "label": binding.label,
        "config": hidden(binding.config, binding.secrets),
        "conditions": binding.conditions,
        "order": binding.order,
        "disabled": binding.is_disabled,
        "mode": binding.mode,
    }
