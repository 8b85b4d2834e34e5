"""A promotion as a form: a table of what something is in the one environment and in the other."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from django.http import QueryDict

from apis.forms.portable_parts import Given, SecretFields, part_fields, read_parts
from apis.forms.shared_secrets import SharedSecrets
from apis.models import ApiInstance
from apis.portable import mentioned
from apis.portable.shape import Portable
from apis.portable.shared import new_groups
from apis.promotions.choices import Choices
from console.forms.schema_form import Choice, Field
from console.models import Environment
from console.numbers import number
from gateways.protocol import mentions

NEW = "new"
HOSTS = "It is made. To these alone its shared secrets may be sent, with commas between; empty: to any."
_SEPARATOR = re.compile(r"[\s,]+")


@dataclass(frozen=True)
class MappingRow:
    """One thing in the origin's environment, and the field that says what it is in the other."""

    what: str
    here: str
    there: Field


class PromoteForm:
    """`whole` is what is brought, from `source` in words, where it was on `gateway`. Secrets that were
    `written` before stay where nothing is written, and are not shown.
    """

    def __init__(
        self,
        whole: Portable,
        source: str,
        choices: Choices,
        counterparts: Sequence[ApiInstance],
        gateway: str = "",
        *,
        is_here: bool = False,
        written: Given | None = None,
    ) -> None:
        self.whole, self.source, self.choices, self.gateway = whole, source, choices, gateway
        self.counterparts = counterparts
        self.environment: Environment = choices.environment
        usable = self.environment.gateways.filter(is_revoked=False)
        self.gateways = list(usable.prefetch_related("replicas"))
        self.contexts = [one.name for one in self.environment.tls_contexts.all()]
        self.secrets = self._secret_fields(is_here, written)
        self.offered = SharedSecrets(self.environment)
        self.typed: Given = {}
        self.errors: dict[str, list[str]] = {}

    def read(self, data: QueryDict) -> None:
        """Take what was sent; what was not stays as it is proposed."""
        was, told = self.choices, data.get
        shared = {one: told(f"shared.{at}", was.shared[one]) for at, one in enumerate(was.shared)}
        self.choices = replace(was, shared=shared)
        self.secrets = self._secret_fields(self.secrets.is_here, self.secrets.written)
        self.typed = self.secrets.typed(data)
        gateways = {str(one.pk): one for one in self.gateways}
        key = told("gateway", str(was.gateway.pk) if was.gateway else "")
        protocol = told("protocol", was.protocol)
        self.choices = replace(
            self.choices,
            gateway=gateways.get(key),
            protocol=protocol,
            port=_port(told("port", "")) if "port" in data else was.port,
            base_path=told("base_path", was.base_path).strip(),
            tls_context=told("tls_context", was.tls_context) if protocol == "https" else "",
            label=told("label", was.label).strip(),
            consumer_endpoint=told("consumer_endpoint", was.consumer_endpoint).strip(),
            uris={key: told(self._name(key, "uri"), uri).strip() for key, uri in was.uris.items()},
            contexts={key: told(self._name(key, "tls_context"), one) for key, one in was.contexts.items()},
            hosts={one: told(f"hosts.{at}", was.hosts[one]).strip() for at, one in enumerate(was.hosts)},
            secrets=self.secrets.read(data),
            keeps_secrets="keeps_secrets" in data,
            parts=read_parts(data, was.parts),
        )
        typed = {name: told(hosts_field(name)) for name in self._new_groups()}
        hosts = {name: _SEPARATOR.split(text.strip()) for name, text in typed.items() if text is not None}
        self.choices = replace(self.choices, sent_to={**was.sent_to, **hosts})

    def _secret_fields(self, is_here: bool, written: Given | None) -> SecretFields:
        """Shared secrets are asked for as they are called there."""
        whole = mentioned.renamed(self.whole, self.choices.shared)
        return SecretFields(whole, self.environment, self.choices.counterpart, is_here, written)

    def rows(self) -> list[MappingRow]:
        return list(self._rows())

    def _rows(self) -> Iterator[MappingRow]:
        c, was = self.choices, self.whole
        yield MappingRow("Gateway", self.gateway or "none", self._gateway())
        yield MappingRow("Protocol", was.protocol, self._protocol())
        yield MappingRow("Port", str(was.port), self._text("port", "Port", str(c.port)))
        yield MappingRow("Base path", was.base_path, self._text("base_path", "Base path", c.base_path))
        if self.contexts or self.whole.tls_context:
            shown = self._context("tls_context", "TLS context", c.tls_context, "tls_context")
            yield MappingRow("TLS context", self.whole.tls_context or "none", shown)
        yield MappingRow(
            "Instance label", self.whole.label or "none", self._text("label", "Instance label", c.label)
        )
        endpoint = self._text("consumer_endpoint", "Consumer endpoint", c.consumer_endpoint)
        yield MappingRow("Consumer endpoint", self.whole.consumer_endpoint or "none", endpoint)
        for at, one in enumerate(self.whole.upstreams, start=1):
            title = f"Upstream {one.label or at}"
            key, uri = f"upstreams.{one.key}.uri", c.uris[one.key]
            field = self._text(self._name(one.key, "uri"), title, uri, key, is_as_it_was=uri == one.uri)
            yield MappingRow(title, one.uri, field)
            if one.tls_context:
                name, label = self._name(one.key, "tls_context"), f"TLS context of {one.label or at}"
                key = f"upstreams.{one.key}.tls_context"
                yield MappingRow(label, one.tls_context, self._context(name, label, c.contexts[one.key], key))
        for at, (name, becomes) in enumerate(c.shared.items()):
            yield MappingRow("Shared secret", name, self._shared(f"shared.{at}", name, becomes))
        for name, servers in self._new_groups().items():
            yield MappingRow(f"Hosts of secret group {name}", "", self._hosts(name, servers))
        for at, host in enumerate(c.hosts):
            yield MappingRow(
                "Host", host, self._text(f"hosts.{at}", f"Host {host}", c.hosts[host], f"hosts.{host}")
            )

    def fields(self) -> dict[str, Any]:
        c = self.choices
        return {
            "rows": self.rows(),
            "unknown_count": len(c.unknown) + len(self.secrets.unknown),
            "kind_field": self._kind(),
            "part_fields": part_fields(c.parts, self.whole),
            "secret_groups": self.secrets.groups(self.typed, self.errors),
            "general": self._general(),
            "keeps_field": Field(
                "switch",
                "keeps_secrets",
                f"Take the secrets of {self.source} along",
                "Those that are not written here.",
                value=c.keeps_secrets,
            ),
        }

    def _name(self, key: str, part: str) -> str:
        at = next(at for at, one in enumerate(self.whole.upstreams) if one.key == key)
        return f"upstreams.{at}.{part}"

    def _text(self, name: str, label: str, value: str, key: str = "", *, is_as_it_was: bool = True) -> Field:
        is_new = is_as_it_was and (key or name) in self.choices.unknown
        return Field(
            "text",
            name,
            label,
            help=f"As in {self.source}: nothing else is known yet." if is_new else "",
            is_required=True,
            is_code=True,
            value=value,
            errors=tuple(self.errors.get(key or name, ())),
        )

    def _choice(self, name: str, label: str, value: str, choices: Sequence[tuple[str, str]]) -> Field:
        found = tuple(Choice(one, told, one == value) for one, told in choices)
        errors = tuple(self.errors.get(name, ()))
        return Field("choice", name, label, is_required=True, value=value, choices=found, errors=errors)

    def _gateway(self) -> Field:
        chosen = str(self.choices.gateway.pk) if self.choices.gateway else ""
        named = [("", "None yet"), *((str(one.pk), f"{one} ({one.status})") for one in self.gateways)]
        return self._choice("gateway", "Gateway", chosen, named)

    def _protocol(self) -> Field:
        named = [("http", "HTTP"), ("https", "HTTPS")]
        return self._choice("protocol", "Protocol", self.choices.protocol, named)

    def _context(self, name: str, label: str, value: str, key: str) -> Field:
        named = [("", "None"), *((one, one) for one in self.contexts)]
        if value and value not in self.contexts:
            named.append((value, f"{value}, which is not there"))
        found = self._choice(name, label, value, named)
        return replace(found, errors=tuple(self.errors.get(key, ())))

    def _shared(self, name: str, was: str, becomes: str) -> Field:
        """One that is there, or the same name, under which it is made."""
        known = [one.removeprefix(mentions.START).removesuffix("}") for one in self.offered.any]
        missing = [one for one in dict.fromkeys((was, becomes)) if one not in known]
        named = [*((one, f"{one}, which is made") for one in missing), *((one, one) for one in known)]
        return self._choice(name, f"Shared secret {was}", becomes, named)

    def _new_groups(self) -> dict[str, list[str]]:
        """The secret groups that are made, with the servers to which the policies send what is in them."""
        if "policies" not in self.choices.parts:
            return {}
        return new_groups(self.environment, mentioned.renamed(self.whole, self.choices.shared))

    def _hosts(self, name: str, servers: list[str]) -> Field:
        return Field(
            "text",
            hosts_field(name),
            f"Hosts of secret group {name}",
            help=HOSTS,
            is_code=True,
            value=", ".join(self.choices.sent_to.get(name, servers)),
            errors=tuple(self.errors.get(f"sent_to.{name}", ())),
        )

    def _kind(self) -> Field | None:
        if not self.counterparts:
            return None
        chosen = str(self.choices.counterpart.pk) if self.choices.counterpart else NEW
        rows = [Choice(str(one.pk), f"Update {one}", str(one.pk) == chosen) for one in self.counterparts]
        rows.append(Choice(NEW, "Make a new API", chosen == NEW))
        return Field("choice", "counterpart", "What becomes of it", choices=tuple(rows), value=chosen)

    def _general(self) -> list[str]:
        """What no field shows."""
        shown = {"gateway", "protocol", "port", "base_path", "tls_context", "label", "consumer_endpoint"}
        for one in self.whole.upstreams:
            shown |= {f"upstreams.{one.key}.uri", f"upstreams.{one.key}.tls_context"}
        shown |= {one.key for one in self.secrets.fields} | {f"hosts.{one}" for one in self.choices.hosts}
        shown |= {f"sent_to.{one}" for one in self._new_groups()}
        return [text for name, texts in self.errors.items() if name not in shown for text in texts]


def hosts_field(group: str) -> str:
    """Of the group, whichever others are made: what was typed for one is never taken for another."""
    return f"sent_to.{crc32(group.encode()):08x}"


def errors_by_field(found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {("gateway" if name == "deployed_to" else name): texts for name, texts in found.items()}


def _port(text: str) -> int:
    """0, which is none, for what is no number."""
    return number(text.strip()) or 0
