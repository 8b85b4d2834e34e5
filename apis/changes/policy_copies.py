"""Policies of an API applied to another one: what would become of each there, and then doing it.

Within an environment secrets go along, encrypted as they are; another one has to be given its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from apis import history
from apis.changes import bookkeeping, policies
from apis.history import FieldChange
from apis.models import ApiInstance, PolicyBinding
from apis.rules import copy_secrets, policy_check, policy_side
from apis.rules.policy_config import hidden, merged
from console.models import User

What = Literal["add", "replace", "same", "skip", "cannot"]
Existing = Literal["skip", "replace", "add"]
EXISTING: Mapping[str, str] = {
    "skip": "Leave the one that is there",
    "replace": "Make the one that is there like this one",
    "add": "Apply this one beside it",
}
"""What is done where an API has the policy already."""
MOST_TARGETS = 50
Secrets = Mapping[int, Mapping[str, str]]
"""By the ids of the policies that are copied, and by their paths."""


@dataclass(frozen=True)
class PolicyCopy:
    """What becomes of one policy on the other API: `why` says why it cannot be, or is not, applied.

    `lines` are what differs from the one that is there.
    """

    binding: PolicyBinding
    what: What
    why: str = ""
    there: PolicyBinding | None = None
    lines: tuple[FieldChange, ...] = ()
    upstreams: tuple[UUID, ...] = ()

    @property
    def words(self) -> str:
        told = {
            "add": "is applied",
            "replace": "takes the place of the one that is there",
            "same": "is there already, the same",
            "skip": "is left as it is there",
            "cannot": "cannot be applied",
        }
        return told[self.what]


def missing_secrets(
    bindings: Sequence[PolicyBinding], target: ApiInstance, secrets: Secrets
) -> list[copy_secrets.HeldSecret]:
    """Those that have to be given for the target, and are not."""
    return [
        one
        for one in copy_secrets.held(list(bindings))
        if one.binding.api.environment_id != target.environment_id
        and not secrets.get(one.binding.pk, {}).get(one.path)
    ]


def plan(
    bindings: Sequence[PolicyBinding],
    target: ApiInstance,
    *,
    existing: Existing = "skip",
    secrets: Secrets | None = None,
) -> list[PolicyCopy]:
    """In the order of the bindings, which belong to one API."""
    own = list(target.policies.all())
    return [_step(one, target, own, existing, secrets or {}) for one in bindings]


@transaction.atomic
def copy(
    actor: User,
    bindings: Sequence[PolicyBinding],
    target: ApiInstance,
    *,
    existing: Existing = "skip",
    secrets: Secrets | None = None,
) -> list[PolicyCopy]:
    """All that the plan says, or nothing: raises ValidationError where one of them cannot be applied.

    The caller sees to it that the actor may see the API that they are of, and edit the target.
    """
    bookkeeping.lock(target.gateway, api=target)
    steps = plan(bindings, target, existing=existing, secrets=secrets)
    if refused := [f"{one.binding.title}: {one.why}" for one in steps if one.what == "cannot"]:
        raise ValidationError({"": refused})
    for step in steps:
        _do(actor, step, target, secrets or {})
    return steps


def _do(actor: User, step: PolicyCopy, target: ApiInstance, secrets: Secrets) -> None:
    binding = step.binding
    config = _config(binding, target, secrets)
    if step.what == "add":
        is_placed = not binding.is_outbound
        policies.apply_policy(
            actor,
            target,
            binding.policy,
            config,
            conditions=binding.conditions,
            upstreams=step.upstreams,
            order=policies.place_of(target, policies.template_of(binding.policy)) if is_placed else None,
            label=binding.label,
            is_disabled=binding.is_disabled,
            mode=binding.mode,
        )
    elif step.what == "replace" and step.there:
        step.there.api = target
        there = policies.edit_policy(
            actor,
            step.there,
            config,
            conditions=binding.conditions,
            upstreams=step.upstreams if binding.is_outbound else None,
            label=binding.label,
            mode=binding.mode,
        )
        policies.set_policy_disabled(actor, there, binding.is_disabled)


def _step(
    binding: PolicyBinding,
    target: ApiInstance,
    own: Sequence[PolicyBinding],
    existing: Existing,
    secrets: Secrets,
) -> PolicyCopy:
    try:
        policy = policies.template_of(binding.policy)
        upstreams = _upstreams(binding, target)
        config = _config(binding, target, secrets)
    except ValidationError as error:
        return PolicyCopy(binding, "cannot", " ".join(error.messages))
    alike = [one for one in own if one.policy == binding.policy and one.is_outbound == binding.is_outbound]
    there = alike[0] if alike else None
    lines = _differences(binding, there, config, target) if there else ()
    if there and len(alike) == 1 and not lines:
        return PolicyCopy(binding, "same", there=there)
    if there and existing == "skip":
        return PolicyCopy(binding, "skip", f"{target} has it already.", there, lines)
    try:
        _check_whole(binding, target, secrets, alike, existing)
        is_replaced = there is not None and existing == "replace"
        policy_check.checked(
            target, policy, config, binding.conditions, mode=binding.mode, upstreams=upstreams
        )
        policy_side.check_free(target, policy, upstreams, but=there if is_replaced else None)
    except ValidationError as error:
        return PolicyCopy(binding, "cannot", " ".join(error.messages), there, lines)
    return PolicyCopy(binding, "replace" if is_replaced else "add", "", there, lines, tuple(upstreams))


def _check_whole(
    binding: PolicyBinding,
    target: ApiInstance,
    secrets: Secrets,
    alike: Sequence[PolicyBinding],
    existing: Existing,
) -> None:
    """Raises ValidationError where secrets are missing, or nobody knows which one is to be replaced."""
    if missing := missing_secrets([binding], target, secrets):
        named = ", ".join(one.label for one in missing)
        raise ValidationError(f"Write for {target.environment} what is secret: {named}.")
    if existing == "replace" and len(alike) > 1:
        raise ValidationError(f"{target} has it {len(alike)} times; choose there which one.")


def _config(binding: PolicyBinding, target: ApiInstance, secrets: Secrets) -> dict[str, Any]:
    """Whole: with its secrets, or with those that are given for another environment."""
    is_here = binding.api.environment_id == target.environment_id
    kept: Mapping[str, str] = binding.secrets if is_here else {}
    given = secrets.get(binding.pk, {})
    known = {path: given.get(path) or kept.get(path, "") for path in binding.secrets}
    return merged(binding.config, {path: value for path, value in known.items() if value})


def _upstreams(binding: PolicyBinding, target: ApiInstance) -> list[UUID]:
    """Those of the target that are like the ones it acts on; its only one is. Raises ValidationError."""
    if not binding.is_outbound:
        return []
    uris = set(binding.api.upstreams.filter(pk__in=binding.upstreams).values_list("uri", flat=True))
    rows = list(target.upstreams.all())
    found = [row.pk for row in rows if row.uri in uris] or [row.pk for row in rows if len(rows) == 1]
    if not found:
        named = ", ".join(sorted(uris))
        raise ValidationError(f"{target} has no upstream {named}; apply it there by hand.")
    return found


def _differences(
    binding: PolicyBinding, there: PolicyBinding, config: Mapping[str, Any], target: ApiInstance
) -> tuple[FieldChange, ...]:
    """From the one that is there to this one; of secrets that they differ, not how."""
    schema = history.schema_of(binding.policy)
    before = hidden(there.config, there.secrets)
    after = hidden(binding.config, binding.secrets)
    found = list(history.compared("", before, after, schema))
    was, becomes = merged(there.config, there.secrets), dict(config)
    if not found and was != becomes:
        found.append(FieldChange("Secrets", after="differ", kind="is"))
    fields = ("conditions", "mode", "label", "is_disabled")
    sides = [{name: getattr(one, name) for name in fields} for one in (there, binding)]
    return (*found, *history.compared("", *sides))
