"""What may be saved of a policy on an API and is probably not meant, by the form's field."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pydantic

from apis.models import ApiInstance, PolicyBinding
from apis.rules import own_document
from apis.rules.policy_config import merged
from gateways.protocol import reach
from policies import advice, catalog
from policies.policy import Policy

Warnings = dict[str, list[str]]
_RULE = {"path": "uriTemplateRegex", "methods": "methodRegex"}


def warnings(
    api: ApiInstance, policy: Policy[Any], config: Mapping[str, Any], conditions: Sequence[Mapping[str, Any]]
) -> Warnings:
    """`config` is whole, with its secrets. What is not sound gets no advice."""
    found: Warnings = {}
    if own_document.is_asked_for(policy, config):
        config = own_document.filled(policy, config, own_document.text_of(api))
    for field, text in (*_of_config(policy, config), *_of_conditions(api, conditions)):
        found.setdefault(field, []).append(f"{text[:1].upper()}{text[1:]}.")
    return found


def of_binding(api: ApiInstance, binding: PolicyBinding) -> Warnings:
    try:
        policy = catalog.find(binding.policy)
    except catalog.UnknownPolicy:
        return {}
    return warnings(api, policy, merged(binding.config, binding.secrets), binding.conditions)


def sentences(api: ApiInstance, binding: PolicyBinding) -> list[str]:
    """The same where no field stands beside it: each begins with what the form calls its field."""
    found = of_binding(api, binding)
    known = binding.template.config.model_json_schema(by_alias=True)["properties"] if found else {}
    return [
        f"{_label(field, known)}: {text[:1].lower()}{text[1:]}"
        for field, texts in found.items()
        for text in texts
    ]


def _label(field: str, known: Mapping[str, Any]) -> str:
    part, _, rest = field.partition(".")
    if part == "conditions":
        return "Condition on methods" if rest.endswith(_RULE["methods"]) else "Condition on the path"
    name = rest.partition(".")[0]
    return str(known.get(name, {}).get("title") or name)


def _of_config(policy: Policy[Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    try:
        model = policy.config.model_validate(dict(config))
    except pydantic.ValidationError:
        return
    for one in advice.advice(policy, model):
        yield f"config.{one.field}", one.message


def _of_conditions(api: ApiInstance, conditions: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for index, row in enumerate(conditions):
        rule = {name: str(row.get(key) or "") for name, key in _RULE.items()}
        for name, text in reach.advice(rule, api.base_path.rstrip("/")):
            yield f"conditions.{index}.{_RULE[name]}", text
