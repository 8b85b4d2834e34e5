"""Mentions of shared secrets in what is carried: which there are, and what they are called elsewhere."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from apis.portable.shape import DEFAULT_GROUP, PolicyPart, Portable, SecretPart
from gateways.protocol import mentions


def of_mention(part: SecretPart) -> str:
    """What stands for it in a configuration, and for it among the secrets that somebody writes."""
    return of_reference(part.reference)


def of_reference(reference: str) -> str:
    """The same of "group/name"."""
    return f"{mentions.START}{reference}}}"


def reference_in(field: str) -> tuple[str, str] | None:
    """Of "MENTION.FIELD" the "group/name" and the field; None where it is no mention's."""
    mention, end, rest = field.partition("}.")
    if not end or not mention.startswith(mentions.START):
        return None
    return mention.removeprefix(mentions.START), rest


def reference(name: str) -> str:
    """ "group/name" of what stands in a mention, in which the group may lack."""
    return name if "/" in name else f"{DEFAULT_GROUP}/{name}"


def references(configs: Iterable[Any]) -> set[str]:
    """The secrets that these mention, as "group/name"."""
    found = (mentions.read(text) for config in configs for _, text in mentions.found(config))
    return {f"{one.group or DEFAULT_GROUP}/{one.name}" for one in found if one}


def renamed(whole: Portable, names: Mapping[str, str]) -> Portable:
    """With these references instead of those that it has."""
    other = {was: becomes for was, becomes in names.items() if becomes and was != becomes}
    if not other:
        return whole
    known: dict[str, SecretPart] = {}
    for one in whole.shared_secrets:
        group, _, name = other.get(one.reference, one.reference).partition("/")
        known.setdefault(f"{group}/{name}", one.model_copy(update={"group": group, "name": name}))
    policies = tuple(_renamed(one, other) for one in whole.policies)
    return whole.model_copy(update={"policies": policies, "shared_secrets": tuple(known.values())})


def _renamed(one: PolicyPart, other: Mapping[str, str]) -> PolicyPart:
    values = {}
    for _, text in mentions.found(one.config):
        if mention := mentions.read(text):
            becomes = other.get(f"{mention.group or DEFAULT_GROUP}/{mention.name}")
            if becomes:
                group, _, name = becomes.partition("/")
                values[text] = str(replace(mention, group=group, name=name))
    return one.model_copy(update={"config": mentions.put(one.config, values)}) if values else one
