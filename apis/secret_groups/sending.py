"""Where secrets of a group may be sent: to the servers that it names, anywhere where it names none.

An entry is `host`, whatever the scheme and port, `host:port`, `scheme://host` with the scheme's own port, or
`scheme://host:port`; a host may be `*.` and the end of one.

Held where a configuration is checked, and once more where a gateway's snapshot is built: so whichever way a
configuration comes back, by a rollback, a restored policy, a file, its secret goes to no other host.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic.alias_generators import to_camel

from apis.secret_groups import references
from apis.secret_groups.models import Secret, SecretGroup
from console.addressed import PORTS, server
from gateways.protocol import mentions
from policies.fields.hosts import is_host, port_of
from policies.policy import Policy

MOST_HOSTS = 100
_ANY_BEFORE = "*."


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
            if told := _astray(address, secret.group.sent_to):
                yield Astray(path, text, secret.group, told)


def servers(policy: Policy[Any], config: Mapping[str, Any], group: str) -> Iterator[str]:
    """To which the policy sends secrets of this group, as entries."""
    for path, text in mentions.found(config):
        if (references.key_of(text) or ("",))[0] == group and not references.is_shown(text):
            yield from filter(None, map(_entry, addresses(policy, str(path[0]), config)))


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


def read_hosts(given: Sequence[str]) -> list[str]:
    """As they are kept: in small letters, each once."""
    return list(dict.fromkeys(one.strip().lower().rstrip(".") for one in given if one.strip()))


def host_faults(hosts: Sequence[str]) -> list[str]:
    """What is wrong with hosts as they are kept."""
    if len(hosts) > MOST_HOSTS:
        return [f"{len(hosts)} hosts; at most {MOST_HOSTS} are allowed."]
    wrong = next((one for one in hosts if _read(one) is None), None)
    if wrong is None:
        return []
    bare = _entry(wrong)
    return [f'"{wrong[:80]}" is no host, nor *. with the end of one{f"; write {bare}" if bare else ""}.']


def _read(entry: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port; "" and None for any. None for what is no entry."""
    scheme, separator, place = entry.rpartition("://")
    if separator and scheme not in PORTS:
        return None
    if not _is_pattern(place):
        try:
            parts = urlsplit(f"//{place}")
            host, port = parts.hostname or "", port_of(parts)
        except ValueError:
            return None
        is_more = parts.username is not None or parts.path or parts.query or parts.fragment
        return None if is_more or not _is_pattern(host) else (scheme, host, port or PORTS.get(scheme))
    return scheme, place, PORTS.get(scheme)


def _is_pattern(host: str) -> bool:
    return "*" not in host.removeprefix(_ANY_BEFORE) and is_host(host.removeprefix(_ANY_BEFORE))


def _entry(address: str) -> str:
    """As it is written, for this address; "" for what is none."""
    scheme, host, port = server(address)
    name = f"[{host}]" if ":" in host else host
    made = f"{scheme}://{name}" + ("" if port == PORTS.get(scheme) else f":{port}")
    return made if _read(made) else ""


def _astray(address: str, entries: Sequence[str]) -> str:
    """What is said of an address that none of the entries names: its host, with scheme and port where they
    make the difference. "" where one names it.
    """
    scheme, host, port = server(address)
    of_host = [one for one in map(_read, entries) if one and scheme and _is_below(host, one[1])]
    if any(one[0] in ("", scheme) and one[2] in (None, port) for one in of_host):
        return ""
    return (_entry(address) if of_host else host) or address


def _is_below(host: str, pattern: str) -> bool:
    if not pattern.startswith(_ANY_BEFORE):
        return host == pattern
    return host.endswith(pattern[1:]) and len(host) > len(pattern[1:])
