"""Secrets of files, put where configurations mention them. One that is missing refuses what mentions it."""

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping, Sequence
from typing import Any

from gateways.protocol import mentions
from gateways.protocol import resources as r
from gateways.protocol.faults import Fault, Faulty, Path, did_you_mean, fault

Held = Mapping[tuple[str, str], Mapping[str, str]]
UNUSED = "no configuration mentions it: write ${secret:%s/%s} where a password or key is asked for"


def filled(resources: Sequence[r.AnyResource]) -> tuple[Sequence[r.AnyResource], list[Fault]]:
    """The same resources with the secrets in them, and a warning for each that nobody asks for."""
    secrets = [one for one in resources if isinstance(one, r.Secret)]
    if not secrets:
        return resources, []
    held = {one.key: _values(one) for one in secrets}
    used: set[tuple[str, str]] = set()
    found = [_filled(one, held, used) for one in resources]
    unused = [one for one in secrets if one.key not in used]
    return found, [fault(one, ("kind",), UNUSED % one.key, is_warning=True) for one in unused]


def check(owner: r.AnyResource, path: Path, config: Mapping[str, Any]) -> None:
    """Raises Faulty where a secret is mentioned that there is not."""
    if faults := [fault(owner, (*path, *at), _missing(text)) for at, text in mentions.found(config)]:
        raise Faulty(*faults)


def _filled(one: r.AnyResource, held: Held, used: set[tuple[str, str]]) -> r.AnyResource:
    namespace = one.metadata.namespace
    if isinstance(one, r.PolicyBinding):
        config = _put(one.spec.config, namespace, held, used)
        same = config is one.spec.config
        return (
            one if same else one.model_copy(update={"spec": one.spec.model_copy(update={"config": config})})
        )
    if isinstance(one, r.Configuration):
        name, value = one.spec.part
        whole = _put(value, namespace, held, used)
        if whole is value or whole == value:
            return one
        return one.model_copy(update={"spec": r.ConfigurationSpec.model_validate({name: whole})})
    if isinstance(one, r.ApiInstance) and one.spec.policies:
        policies = tuple(
            inline.model_copy(update={"config": _put(inline.config, namespace, held, used)})
            for inline in one.spec.policies
        )
        return one.model_copy(update={"spec": one.spec.model_copy(update={"policies": policies})})
    return one


def _put(config: dict[str, Any], namespace: str, held: Held, used: set[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, str] = {}
    for _, text in mentions.found(config):
        if mention := mentions.read(text):
            key = mention.group or namespace, mention.name
            value = mentions.value_of(held.get(key, {}), mention.field)
            if value is not None:
                values[text] = value
                used.add(key)
    whole: dict[str, Any] = mentions.put(config, values) if values else config
    return whole


def _values(secret: r.Secret) -> Mapping[str, str]:
    """Flex Gateway writes certificates and keys in base64; PEM as it is means the same."""
    if secret.spec.tls is None:
        return secret.spec.data or {}
    return {"crt": _pem(secret.spec.tls.crt), "key": _pem(secret.spec.tls.key)}


def _pem(text: str) -> str:
    if "-----BEGIN" in text:
        return text
    try:
        return b64decode(text, validate=True).decode()
    except (Error, ValueError):
        return text


def _missing(text: str) -> str:
    mention = mentions.read(text)
    if mention is None:
        return f"is no mention of a secret{did_you_mean(text, ())}; write ${{secret:namespace/name#field}}"
    field = f' with a field "{mention.field}"' if mention.field else ""
    place = f' in namespace "{mention.group}"' if mention.group else ""
    return f'there is no Secret "{mention.name}"{place}{field}'
