"""What may be saved of a policy on an API and is probably not meant, by the form's field."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from apis.client_providers import filling
from apis.models import ApiInstance, PolicyBinding
from apis.rules import own_document
from apis.rules.config_reading import reading
from apis.rules.policy_config import merged
from apis.secret_groups import references
from gateways.protocol import reach
from policies import catalog
from policies.policy import Policy

Warnings = dict[str, list[str]]
_RULE = {"path": "uriTemplateRegex", "methods": "methodRegex"}


def warnings(
    api: ApiInstance, policy: Policy[Any], config: Mapping[str, Any], conditions: Sequence[Mapping[str, Any]]
) -> Warnings:
    """`config` is whole, with its secrets. What is not sound gets no advice."""
    found: Warnings = {}
    config = references.put(config, references.values(api.environment_id, config))
    if filling.asks(policy, config):
        config = filling.filled(policy, config, filling.of(api.environment_id))
    if own_document.is_asked_for(policy, config):
        config = own_document.filled(policy, config, own_document.text_of(api))
    for field, text in (*_of_config(api, policy, config), *of_conditions(api.base_path, conditions)):
        found.setdefault(field, []).append(f"{text[:1].upper()}{text[1:]}.")
    return found


def of_binding(api: ApiInstance, binding: PolicyBinding) -> Warnings:
    try:
        policy = catalog.find(binding.policy)
    except catalog.UnknownPolicy:
        return {}
    return warnings(api, policy, merged(binding.config, binding.secrets), binding.conditions)


def of_config(read: reading.ReadConfig) -> Iterator[tuple[str, str]]:
    """(field, what to think about) of a sound configuration. Raises reading.Unsound."""
    for one in read.advice():
        yield f"config.{one.field}", one.message


def of_conditions(base_path: str, conditions: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for index, row in enumerate(conditions):
        rule = {name: str(row.get(key) or "") for name, key in _RULE.items()}
        for name, text in reach.advice(rule, base_path.rstrip("/")):
            yield f"conditions.{index}.{_RULE[name]}", text


def _of_config(api: ApiInstance, policy: Policy[Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    with suppress(reading.Unsound):
        read = reading.trusted(policy, config, lambda: api.environment.organization.root_id)
        yield from of_config(read)
