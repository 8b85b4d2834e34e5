"""WSDL 1.1 as operations that a body may ask for, with what each may hold."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from policies.catalog.soap_validation.attributes import use_of
from policies.catalog.soap_validation.document import Node, Wrong, key, short
from policies.catalog.soap_validation.linked import WSDL, Linked, linked
from policies.catalog.soap_validation.schemas import Schemas
from policies.catalog.soap_validation.simple import BUILT_IN, XS
from policies.catalog.soap_validation.types import Types

SOAP = {"1.1": "http://schemas.xmlsoap.org/wsdl/soap/", "1.2": "http://schemas.xmlsoap.org/wsdl/soap12/"}
MIME = "http://schemas.xmlsoap.org/wsdl/mime/"
MOST_TABLE, MOST_OPERATIONS = 4 * 1024 * 1024, 5_000


@dataclass(frozen=True)
class Described:
    """`table` is the text of what validate.lua reads; `remarks` tell what is not checked."""

    table: str
    remarks: tuple[str, ...]
    versions: tuple[str, ...]


def described(text: str, service: str = "", port: str = "") -> Described:
    """Of a document that stands alone. Raises Wrong."""
    return described_with(text, "", (), service, port)


@lru_cache(8)
def described_with(
    text: str, url: str, others: tuple[tuple[str, str], ...], service: str = "", port: str = ""
) -> Described:
    """Of a document that is at a URL, with the others that it needs, by theirs. Raises Wrong and Away."""
    try:
        return _described(linked(text, url, dict(others).get), service, port)
    except RecursionError:
        raise Wrong("groups and types of the document lie too deep in each other") from None


def _described(documents: Linked, service: str, port: str) -> Described:
    schemas = Schemas(documents.schemas)
    types = Types(schemas)
    operations = _Operations(documents.definitions, types).chosen(service, port)
    table = {
        "operations": operations,
        "global_elements": {name: types.element(one) for name, one in schemas.names("element")},
        "global_types": {
            **{key(XS, name): types.named(key(XS, name), documents.definitions[0]) for name in BUILT_IN},
            **{name: types.named(name, one.node) for name, one in schemas.names("complexType")},
        },
        "global_attributes": {
            name: [it for it in use_of(types, one)[1] if it is not None]
            for name, one in schemas.names("attribute")
        },
    }
    types.fill()
    made = json.dumps({**table, **types.table}, ensure_ascii=False, separators=(",", ":"))
    if len(made) > MOST_TABLE:
        raise Wrong("the document is too large: what is made of it has more than 4 MB")
    return Described(made, tuple(schemas.remarks), tuple(operations))


class _Operations:
    def __init__(self, roots: list[Node], types: Types) -> None:
        self.roots, self.types = roots, types
        self.messages = self._named("message")
        self.interfaces = self._named("portType")
        self.bindings = self._named("binding")
        self.count = 0

    def _named(self, name: str) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for root in self.roots:
            for one in root.of(WSDL, name):
                if found.setdefault(key(root.get("targetNamespace"), one.get("name")), one) is not one:
                    raise one.wrong(f'there is a second {name} "{one.get("name")[:80]}"')
        return found

    def _get(self, found: dict[str, Node], at: Node, name: str, what: str) -> Node:
        try:
            return found[name]
        except KeyError:
            raise at.wrong(f'there is no {what} "{short(name)}" in the document') from None

    def chosen(self, service: str, port: str) -> dict[str, dict[str, list[Any]]]:
        """The operations of each version of SOAP, by the key of the body's first element or ""."""
        bindings = list(self._bindings(service, port))
        made: dict[str, dict[str, list[Any]]] = {}
        seen: set[tuple[str, int]] = set()
        for version, binding in bindings:
            if (version, id(binding)) in seen:
                continue
            seen.add((version, id(binding)))
            for first, entry in self._operations(version, binding):
                entries = made.setdefault(version, {}).setdefault(first, [])
                if entry not in entries:
                    entries.append(entry)
        if not made:
            raise self.roots[0].wrong("no port of the document has an operation over SOAP")
        return made

    def _bindings(self, service: str, port: str) -> Iterator[tuple[str, Node]]:
        services = [one for root in self.roots for one in root.of(WSDL, "service")]
        if service and service not in [one.get("name") for one in services]:
            known = ", ".join(one.get("name")[:40] for one in services[:10]) or "none"
            raise Wrong(
                f'there is no service "{service}" in the document; there are {known}', field="serviceName"
            )
        ports = [one for it in services if service in ("", it.get("name")) for one in it.of(WSDL, "port")]
        if port and port not in [one.get("name") for one in ports]:
            known = ", ".join(one.get("name")[:40] for one in ports[:10]) or "none"
            raise Wrong(f'there is no port "{port}" in the document; there are {known}', field="servicePort")
        if services:
            named = [one for one in ports if port in ("", one.get("name"))]
            found = [self._get(self.bindings, one, one.meant(one.get("binding")), "binding") for one in named]
        else:
            found = list(self.bindings.values())
        for one in found:
            for version, uri in SOAP.items():
                if any(one.of(uri, "binding")):
                    yield version, one
        if port and not any(list(one.of(uri, "binding")) for one in found for uri in SOAP.values()):
            raise Wrong(f'the port "{port}" is none of SOAP', field="servicePort")

    def _operations(self, version: str, binding: Node) -> Iterator[tuple[str, list[Any]]]:
        uri = SOAP[version]
        (about, *_) = binding.of(uri, "binding")
        interface = self._get(self.interfaces, binding, binding.meant(binding.get("type")), "portType")
        described: dict[str, Node] = {}
        for one in interface.of(WSDL, "operation"):
            if described.setdefault(one.get("name"), one) is not one:
                raise one.wrong(
                    f'a second operation "{one.get("name")[:80]}" (overloading) is not understood'
                )
        for one in binding.of(WSDL, "operation"):
            self.count += 1
            if self.count > MOST_OPERATIONS:
                raise one.wrong(f"the document has more than {MOST_OPERATIONS:,} operations")
            own = self._get(described, one, one.get("name"), "operation")
            said = next(iter(one.of(uri, "operation")), None)
            style = (said.get("style") if said else "") or about.get("style") or "document"
            action = said.get("soapAction") if said else ""
            required = said.get("soapActionRequired") if said and version == "1.2" else ""
            first, number = self._input(uri, one, own, style)
            yield first, [one.get("name"), action, number, *([True] if required in ("true", "1") else [])]

    def _input(self, uri: str, operation: Node, own: Node, style: str) -> tuple[str, int]:
        """The key of the body's first element, and its number; "" and 0 where the body is empty."""
        name = operation.get("name")
        taken = next(iter(own.of(WSDL, "input")), None)
        if taken is None:
            raise own.wrong(f'the operation "{name[:80]}" takes no message, so no request is for it')
        bound = next(iter(operation.of(WSDL, "input")), None)
        if bound is not None and any(bound.of(MIME)):
            raise bound.wrong("attachments (mime:multipartRelated) are not understood")
        body = next(iter(bound.of(uri, "body")), None) if bound is not None else None
        if body and body.get("use", "literal") != "literal":
            raise body.wrong(f'use="{body.get("use")[:20]}" is not understood; only literal is')
        message = self._get(self.messages, taken, taken.meant(taken.get("message")), "message")
        parts = list(self._parts(message, body, bound, uri))
        if style == "rpc":
            return self._call(name, body, parts)
        if style != "document":
            raise operation.wrong(f'the style "{style[:20]}" is neither document nor rpc')
        if len(parts) > 1:
            raise message.wrong("a document's body is one part; name it in the attribute parts of soap:body")
        if not parts:
            return "", 0
        (part,) = parts
        if not part.get("element"):
            raise part.wrong("the part of a document's body has an element, not a type")
        first = part.meant(part.get("element"))
        return first, self.types.element(self.types.schemas.get("element", first, part))

    def _parts(self, message: Node, body: Node | None, bound: Node | None, uri: str) -> Iterable[Node]:
        """Those of the body: what the binding names as a header's is none of it."""
        parts = list(message.of(WSDL, "part"))
        if body is not None and "parts" in body.attributes:
            names = body.get("parts").split()
            return [one for one in parts if one.get("name") in names]
        headers = list(bound.of(uri, "header")) if bound is not None else []
        in_headers = {
            one.get("part")
            for one in headers
            if short(one.get("message").rpartition(":")[2]) == message.get("name")
        }
        return [one for one in parts if one.get("name") not in in_headers]

    def _call(self, name: str, body: Node | None, parts: list[Node]) -> tuple[str, int]:
        first = key(body.get("namespace") if body is not None else "", name)
        listed = []
        for one in parts:
            if not one.get("type"):
                raise one.wrong("a part of a call (rpc) has a type, not an element")
            listed.append((one.get("name"), one.meant(one.get("type")), one))
        return first, self.types.synthetic(name, listed)
