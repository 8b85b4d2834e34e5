"""Where secrets of a group may be sent: to the hosts that it names, anywhere where it names none.

Held where a configuration is checked, and once more where a gateway's snapshot is built: so whichever way a
configuration comes back, by a rollback, a restored policy, a file, its secret goes to no other host.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic.alias_generators import to_camel

from apis.secret_groups import references
from apis.secret_groups.models import Secret, SecretGroup
from gateways.protocol import mentions
from policies.fields.hosts import is_host
from policies.policy import Policy

MOST_HOSTS = 100
_ANY_BEFORE = "*."
_PORT = re.compile(r"(?<!:):[0-9]+$")


@dataclass(frozen=True)
class Astray:
    """A mention, at this path of a configuration, whose secret would go to a host that its group does not
    name.
    """

    path: mentions.Path
    text: str
    group: SecretGroup
    host: str

    def __str__(self) -> str:
        hosts = ", ".join(self.group.sent_to)
        return (
            f"{self.text} may be sent to {hosts} alone, as its group {self.group} says; not to {self.host}."
        )


def astray(
    policy: Policy[Any], config: Mapping[str, Any], known: Mapping[references.Key, Secret]
) -> Iterator[Astray]:
    """`config` has what stands for addresses in it, whoever wrote it. What a policy sends nowhere may be
    mentioned anywhere.
    """
    for path, text in mentions.found(config):
        secret = known.get(references.key_of(text) or ("", ""))
        if secret is None or not secret.group.sent_to or references.is_shown(text):
            continue
        for address in addresses(policy, str(path[0]), config):
            if not _is_named(host := host_of(address), secret.group.sent_to):
                yield Astray(path, text, secret.group, host or address)


def addresses(policy: Policy[Any], field: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Where the policy sends what stands in this field, under either of its names; what nobody wrote is as
    usual.
    """
    fields = policy.sends.get(to_camel(field) if "_" in field else field, ())
    for name, info in policy.config.model_fields.items():
        alias = info.alias or to_camel(name)
        if alias in fields:
            given = [config[one] for one in (alias, name) if one in config] or [info.default]
            yield from (one for one in given if isinstance(one, str) and one)


def host_of(address: str) -> str:
    """ "" where none can be read."""
    try:
        return (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""


def read_hosts(given: Sequence[str]) -> list[str]:
    """As they are kept: in small letters, each once."""
    return list(dict.fromkeys(one.strip().lower().rstrip(".") for one in given if one.strip()))


def host_faults(hosts: Sequence[str]) -> list[str]:
    """What is wrong with hosts as they are kept."""
    if len(hosts) > MOST_HOSTS:
        return [f"{len(hosts)} hosts; at most {MOST_HOSTS} are allowed."]
    wrong = next((one for one in hosts if not _is_pattern(one)), None)
    if wrong is None:
        return []
    bare = _PORT.sub("", host_of(wrong) or wrong.partition("/")[0])
    hint = f"; write {bare}" if _is_pattern(bare) else ""
    return [f'"{wrong[:80]}" is no host, nor *. with the end of one{hint}.']


def _is_pattern(host: str) -> bool:
    return "*" not in host.removeprefix(_ANY_BEFORE) and is_host(host.removeprefix(_ANY_BEFORE))


def _is_named(host: str, hosts: Sequence[str]) -> bool:
    return bool(host) and any(
        host.endswith(one[1:]) and len(host) > len(one[1:]) if one.startswith(_ANY_BEFORE) else host == one
        for one in hosts
    )
