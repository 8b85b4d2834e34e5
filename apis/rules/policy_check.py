"""What is wrong with a policy that is to be applied, in all of its parts at once."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from apis.models import ApiInstance, PolicyBinding
from apis.rules import own_document, policy_config, policy_side
from apis.rules.instances import Expressions
from policies.policy import Policy

MOST_CONDITIONS = 200
CONDITION_KEYS = ("methodRegex", "uriTemplateRegex")


def faults(
    api: ApiInstance,
    policy: Policy[Any],
    config: Mapping[str, Any],
    conditions: Sequence[Mapping[str, Any]],
    *,
    mode: str = PolicyBinding.Mode.ENFORCE,
    upstreams: Sequence[UUID] = (),
) -> dict[str, list[str]]:
    """What is wrong with all of them, by field."""
    try:
        checked(api, policy, config, conditions, mode=mode, upstreams=upstreams)
    except ValidationError as error:
        return error.message_dict
    return {}


def mode_faults(policy: Policy[Any], mode: str) -> dict[str, list[str]]:
    if mode not in PolicyBinding.Mode.values:
        return {"mode": [f'"{mode}" is no mode; write {" or ".join(PolicyBinding.Mode.values)}.']}
    if mode == PolicyBinding.Mode.OBSERVE and (why := policy.why_unobservable):
        return {"mode": [f"{policy.title} {why}."]}
    return {}


def checked(
    api: ApiInstance,
    policy: Policy[Any],
    config: Mapping[str, Any],
    conditions: Sequence[Mapping[str, Any]],
    *,
    mode: str,
    upstreams: Sequence[UUID],
    found: Mapping[str, list[str]] = MappingProxyType({}),
) -> tuple[policy_config.Config, dict[str, str], list[dict[str, str]]]:
    """(configuration without secrets, secrets, conditions). Raises ValidationError with what is wrong in
    any of them, beside what was `found`, so that a form need not be sent once for each.
    """
    public: policy_config.Config = {}
    secrets: dict[str, str] = {}
    rows: list[dict[str, str]] = []
    found = {**found, **mode_faults(policy, mode), **policy_side.faults(api, policy, upstreams)}
    try:
        public, secrets = policy_config.checked(policy, config, api.environment)
        own_document.check(api, policy, config)
    except ValidationError as error:
        found |= error.message_dict
    try:
        rows = checked_conditions(policy, conditions)
    except ValidationError as error:
        found |= error.message_dict
    if found:
        raise ValidationError(found)
    return public, secrets, rows


def checked_conditions(policy: Policy[Any], given: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Rows without a rule are dropped; several rows mean "or"."""
    found: list[dict[str, str]] = []
    errors: dict[str, list[str]] = {}
    expressions = Expressions()
    if len(given) > MOST_CONDITIONS:
        raise ValidationError(
            {"conditions": [f"{len(given)} conditions; at most {MOST_CONDITIONS} are allowed."]}
        )
    for index, row in enumerate(given):
        for key, value in row.items():
            field = f"conditions.{index}.{key}"
            if key not in CONDITION_KEYS:
                errors[field] = [f'"{key}" is not part of a condition; write {" and ".join(CONDITION_KEYS)}.']
            elif value and (reason := expressions.fault(str(value))):
                errors[field] = [f"{reason}."]
        kept = {key: str(row[key]) for key in CONDITION_KEYS if row.get(key)}
        if kept:
            found.append(kept)
    if found and not policy.has_conditions:
        whole = "upstream" if policy.is_outbound else "API"
        errors["conditions"] = [f"{policy.title} holds for the whole {whole}; take its conditions away."]
    if errors:
        raise ValidationError(errors)
    return found
