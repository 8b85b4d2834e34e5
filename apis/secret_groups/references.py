"""Shared secrets that configurations mention, and what they hold: put in when a gateway's snapshot is built,
and when a configuration is checked. No configuration and no revision keeps a copy.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from apis.secret_groups.models import Secret, SecretGroup
from apis.secret_groups.shared import MAIN, SHOWN
from gateways.protocol import mentions

Key = tuple[str, str]
"""The names of group and secret."""
Values = Mapping[str, str]
"""By the text of a mention, the value that it stands for."""
MISSING = "deletedSecret"
"""A field that no policy has: with it a gateway refuses the API rather than take a mention for a password."""


def key_of(text: str) -> Key | None:
    """What a mention is of; without a group it is of the environment's own."""
    mention = mentions.read(text)
    return (mention.group or SecretGroup.DEFAULT, mention.name) if mention else None


def keys(*configs: Any) -> list[str]:
    """The secrets that these mention, as "group/name", in order."""
    found = (key_of(text) for config in configs for _, text in mentions.found(config))
    return sorted({"/".join(one) for one in found if one})


def secrets(environment: UUID, named: Iterable[str]) -> dict[Key, Secret]:
    """Those of them that there are; no query where none is named."""
    pairs = {tuple(one.split("/", 1)) for one in named}
    if not pairs:
        return {}
    rows = Secret.objects.filter(
        kind=Secret.Kind.SHARED,
        group__environment=environment,
        group__name__in={group for group, _ in pairs},
        name__in={name for _, name in pairs},
    ).select_related("group")
    return {key: one for one in rows if (key := (one.group.name, one.name)) in pairs}


def values(environment: UUID, *configs: Any) -> Values:
    """What the mentions in these stand for, as far as it is known: one query, or none."""
    texts = {text for config in configs for _, text in mentions.found(config)}
    return valued(texts, secrets(environment, keys(*configs))) if texts else {}


def valued(texts: Iterable[str], known: Mapping[Key, Secret]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts:
        key, mention = key_of(text), mentions.read(text)
        if key and mention and (secret := known.get(key)):
            value = mentions.value_of(secret.content, mention.field or MAIN.get(secret.type, ""))
            if value is not None:
                found[text] = value
    return found


def put(config: Mapping[str, Any], known: Values) -> dict[str, Any]:
    """With what its mentions stand for; what a gateway refuses where one of them is missing."""
    whole: dict[str, Any] = mentions.put(config, known)
    missing = [text for _, text in mentions.found(config) if text not in known]
    return whole | {MISSING: missing[0]} if missing else whole


def is_shown(text: str) -> bool:
    """Whether what is mentioned may stand where everybody sees it, as usernames do."""
    mention = mentions.read(text)
    return bool(mention and mention.field in SHOWN)
