"""A policy's configuration: checked by the catalog's own model, with its secrets kept apart.

Secrets are a flat map from the path of a value ("users.0.password") to the value.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any

from django.core.exceptions import ValidationError
from pydantic import BaseModel, SecretStr

from apis.client_providers import filling
from apis.rules import config_messages
from apis.rules.config_reading import reading
from apis.secret_groups import references, sending
from apis.secret_groups.models import Secret
from console.audit import HIDDEN
from console.models import Environment
from gateways.protocol import mentions
from policies import apart
from policies.policy import Policy

NO_PROVIDER = "{} has no client provider: write the URL of one here, or choose one for the environment."
Config = dict[str, Any]
Path = tuple[str, ...]


def checked(
    policy: Policy[Any], config: Mapping[str, Any], environment: Environment
) -> tuple[Config, dict[str, str]]:
    """(configuration without secrets, secrets). A mention of a shared secret stays where it stands; what it
    stands for is checked, and so is what the environment's client provider fills. Raises ValidationError by
    "config.<path>".
    """
    config = filling.stripped(policy, config)
    mentioned = dict(mentions.found(config))
    shared = references.secrets(environment.pk, references.keys(config)) if mentioned else {}
    known = references.valued(mentioned.values(), shared)
    if faults := _unknown(environment, mentioned, known):
        raise ValidationError(faults)
    whole = mentions.put(config, known) if known else config
    read = _with_provider(policy, whole, environment)
    if faults := _astray(policy, _with_provider(policy, config, environment), shared):
        raise ValidationError(faults)
    try:
        model = reading.read(policy, read, lambda: environment.organization.root_id).model
    except reading.Unsound as unsound:
        raise ValidationError(config_messages.of_faults(policy, unsound.faults)) from unsound
    public, secrets = deepcopy(dict(config)), {}
    hidden_paths = dict(_secrets(model, whole, ()))
    if faults := _in_the_open(mentioned, hidden_paths):
        raise ValidationError(faults)
    at_mentions = {tuple(map(str, path)) for path in mentioned}
    for path, value in hidden_paths.items():
        if path in at_mentions:
            continue
        _take(_holder(public, path), path[-1])
        if value.get_secret_value():
            secrets[".".join(path)] = value.get_secret_value()
    return public, secrets


def _with_provider(policy: Policy[Any], config: Mapping[str, Any], environment: Environment) -> Config:
    """Raises ValidationError where the environment's client provider is asked for, and there is none."""
    if not filling.asks(policy, config) or policy.from_provider is None:
        return dict(config)
    if (provider := filling.of(environment.pk)) is None:
        first = policy.from_provider.fields[0]
        raise ValidationError({f"config.{first}": [NO_PROVIDER.format(environment)]})
    return filling.filled(policy, config, provider)


def read_ahead(policy: Policy[Any], config: Mapping[str, Any], where: Callable[[], Environment]) -> None:
    """To be called before rows are locked: has read what may take long, which is then remembered."""
    if apart.field(policy, config):
        with suppress(ValidationError):
            checked(policy, config, where())


def _unknown(
    environment: Environment, mentioned: Mapping[mentions.Path, str], known: Mapping[str, str]
) -> dict[str, list[str]]:
    """Of mentions that stand for nothing, by field."""
    found: dict[str, list[str]] = {}
    for path, text in mentioned.items():
        if mentions.read(text) is None:
            words = f'"{text[:80]}" is no mention of a secret; write ${{secret:group/name}}.'
        elif text not in known:
            words = f"{environment} has no shared secret that {text} could mean."
        else:
            continue
        found[_dotted(path)] = [words]
    return found


def _astray(
    policy: Policy[Any], config: Config, known: Mapping[references.Key, Secret]
) -> dict[str, list[str]]:
    """Of mentions of what would be sent to a host that its group does not name, by field."""
    return {_dotted(one.path): [str(one)] for one in sending.astray(policy, config, known)}


def _in_the_open(
    mentioned: Mapping[mentions.Path, str], hidden_paths: Collection[Path]
) -> dict[str, list[str]]:
    """Of mentions of what is secret where everybody would see it, by field."""
    message = "This is no secret and shown to everybody: a secret may stand in fields for secrets alone."
    return {
        _dotted(path): [message]
        for path, text in mentioned.items()
        if tuple(map(str, path)) not in hidden_paths and not references.is_shown(text)
    }


def _dotted(path: mentions.Path) -> str:
    return ".".join(["config", *map(str, path)])


def merged(config: Mapping[str, Any], secrets: Mapping[str, str]) -> Config:
    """The configuration with each secret that it leaves out or empty put back; null takes one away."""
    whole = deepcopy(dict(config))
    for joined, value in secrets.items():
        if is_left(whole, joined):
            path = tuple(joined.split("."))
            _put(_holder(whole, path), path[-1], value)
    return whole


def is_left(config: Mapping[str, Any], joined: str) -> bool:
    """Whether the configuration says of the secret at this path that the stored one stays."""
    path = tuple(joined.split("."))
    return _get(_holder(config, path), path[-1]) in ("", HIDDEN)


def hidden(config: Mapping[str, Any], secrets: Mapping[str, str]) -> Config:
    """The configuration as the audit shows it: every secret there, none readable."""
    return merged(config, dict.fromkeys(secrets, HIDDEN))


def _secrets(value: Any, raw: Any, path: Path) -> Iterator[tuple[Path, SecretStr]]:
    """Each secret of the validated value with its path in the raw one."""
    if isinstance(value, SecretStr):
        yield path, value
    elif isinstance(value, BaseModel) and isinstance(raw, Mapping):
        for name, info in type(value).model_fields.items():
            key = info.alias if info.alias and info.alias in raw else name
            if key in raw:
                yield from _secrets(getattr(value, name), raw[key], (*path, key))
    elif isinstance(value, Mapping) and isinstance(raw, Mapping):
        for key in raw.keys() & value.keys():
            yield from _secrets(value[key], raw[key], (*path, key))
    elif isinstance(value, list | tuple) and isinstance(raw, list | tuple):
        for index, (item, given) in enumerate(zip(value, raw, strict=False)):
            yield from _secrets(item, given, (*path, str(index)))


def _holder(config: Any, path: Path) -> Any:
    """What holds the last part of the path; None when the configuration has no such place."""
    for part in path[:-1]:
        config = _get(config, part)
    return config


def _get(holder: Any, part: str) -> Any:
    """The value, "" when a dict has none, None when there is no place for one."""
    if isinstance(holder, dict):
        return holder.get(part, "")
    if isinstance(holder, list) and part.isdecimal() and int(part) < len(holder):
        return holder[int(part)]
    return None


def _put(holder: Any, part: str, value: str) -> None:
    holder[int(part) if isinstance(holder, list) else part] = value


def _take(holder: Any, part: str) -> None:
    """Remove the value; in a list leave "" so that the others keep their places."""
    if isinstance(holder, dict):
        holder.pop(part, None)
    else:
        _put(holder, part, "")
