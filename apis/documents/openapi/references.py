"""What a document refers to: all of it must stand in the document itself, for nothing is ever fetched."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from apis.documents.openapi.fault import DocumentFault, Path, parts, pointer, shortened
from apis.documents.openapi.limits import MOST_HOPS

BASE = "http://document.invalid/openapi"
"""The base address of a document that names none."""

_NAMES = {
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "schemas",
    "responses",
}
_NAMES |= {"parameters", "examples", "requestBodies", "headers", "securitySchemes", "links", "callbacks"}
_NAMES |= {"pathItems", "paths", "webhooks", "content", "encoding", "variables", "mediaTypes"}
_NAMES |= {"securityDefinitions"}
"""Of these the keys are names that people chose, and say nothing of what stands there."""
_DATA = frozenset(["example", "default", "enum", "const", "value", "dataValue", "mapping", "scopes"])
"""What stands here is not read as OpenAPI: a `$ref` in an example is an example."""
_EXTENDED = frozenset(("paths", "responses", "callbacks", "webhooks"))
"""Names, and extensions (`x-…`) among them."""


@dataclass(frozen=True)
class _PathStep:
    """One step of a path, with those before it."""

    before: "_PathStep | None"
    key: str | int

    @property
    def path(self) -> Path:
        found: list[str | int] = []
        at: _PathStep | None = self
        while at is not None:
            found.append(at.key)
            at = at.before
        return tuple(reversed(found))


@dataclass(frozen=True)
class _Found:
    value: dict[str, Any]
    place: _PathStep | None
    base: str

    @property
    def path(self) -> Path:
        return self.place.path if self.place else ()


@dataclass
class References:
    """A document's own addresses: of all of it, and of the schemas that have an `$id` or an anchor."""

    document: dict[str, Any]
    version: str
    base: str = BASE
    resources: dict[str, Any] = field(default_factory=dict)
    anchors: dict[tuple[str, str], Any] = field(default_factory=dict)
    known: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = self.document.get("$self")
        if self.version == "3.2" and isinstance(own, str):
            self.base = _joined(BASE, own)
        self.resources[self.base] = self.document
        if self.version in ("3.1", "3.2"):
            for one in self._objects():
                if isinstance(one.value.get("$id"), str):
                    self.resources.setdefault(one.base, one.value)
                for key in ("$anchor", "$dynamicAnchor"):
                    if isinstance(one.value.get(key), str):
                        self.anchors[one.base, one.value[key]] = one.value

    def check(self) -> None:
        """Raises DocumentFault for the first reference that leads to nothing."""
        for one in self._objects():
            for key in ("$ref", "$dynamicRef"):
                reference = one.value.get(key)
                if not isinstance(reference, str):
                    continue
                asked = one.base, reference
                if asked not in self.known:
                    self.known[asked] = self._fault(one.base, reference)
                if message := self.known[asked]:
                    path = (*one.path, key)
                    raise DocumentFault(f"{pointer(path)}: {message}", path)

    def target(self, reference: str) -> Any:
        """What a reference of the document's first levels leads to; None for what is not there."""
        try:
            return self._target(self.base, reference)
        except LookupError:
            return None

    def _fault(self, base: str, reference: str) -> str | None:
        shown = shortened(reference, 200)
        try:
            self._target(base, reference)
        except _Outside:
            return f'"{shown}" points outside the file; bundle the document into one file'
        except LookupError:
            return f'it refers to "{shown}", which the document does not hold'
        return None

    def _target(self, base: str, reference: str) -> Any:
        """Raises LookupError, _Outside where it is for that."""
        address, fragment = urldefrag(_joined(base, reference))
        fragment = unquote(fragment)
        if address not in self.resources:
            raise _Outside(reference)
        for root in (self.resources[address], self.document):
            if (address, fragment) in self.anchors:
                return self.anchors[address, fragment]
            try:
                return self._at(root, fragment)
            except LookupError:
                # Tools write references within a schema that has an `$id` from the document's first level.
                continue
        raise LookupError(reference)

    def _at(self, root: Any, fragment: str) -> Any:
        """What a pointer leads to, through references that stand on its way."""
        if fragment and not fragment.startswith("/"):
            raise LookupError(fragment)
        value, hops = root, 0
        for part in parts(fragment):
            while isinstance(value, dict) and part not in value and isinstance(value.get("$ref"), str):
                hops += 1
                if hops > MOST_HOPS:
                    raise LookupError(fragment)
                value = self._plain(value["$ref"])
            value = _step(value, part)
        return value

    def _plain(self, reference: str) -> Any:
        """Without following what stands on the way: references may go round in a ring."""
        address, fragment = urldefrag(_joined(self.base, reference))
        value = self.resources[address]
        for part in parts(unquote(fragment)):
            value = _step(value, part)
        return value

    def _objects(self) -> Iterator[_Found]:
        """Every object of the document whose keys are OpenAPI's or JSON Schema's own."""
        waiting: list[tuple[Any, _PathStep | None, str, bool]] = [(self.document, None, self.base, False)]
        has_ids = self.version in ("3.1", "3.2")
        while waiting:
            value, place, base, is_names = waiting.pop()
            if isinstance(value, list):
                found = [(one, _PathStep(place, at), base, False) for at, one in enumerate(value)]
                waiting.extend(one for one in found if isinstance(one[0], dict | list))
                continue
            if has_ids and not is_names and isinstance(value.get("$id"), str):
                base = urldefrag(_joined(base, value["$id"]))[0]
            yield _Found(value, place, base)
            for key, part in value.items():
                if not isinstance(part, dict | list):
                    continue
                if self._is_data(key, part, place, is_names):
                    continue
                names = not is_names and key in _NAMES and isinstance(part, dict)
                waiting.append((part, _PathStep(place, key), base, names))

    def _is_data(self, key: str, value: Any, place: _PathStep | None, is_names: bool) -> bool:
        if is_names:
            return key.startswith("x-") and place is not None and place.key in _EXTENDED
        if key == "examples" and (isinstance(value, list) or self.version == "2.0"):
            return True
        return key in _DATA or key.startswith("x-")


class _Outside(LookupError):
    """The reference leads out of the document."""


def _step(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value[part]
    if isinstance(value, list) and part.isascii() and part.isdigit() and len(part) < 10:
        return value[int(part)]
    raise LookupError(part)


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference)
    except ValueError:
        return f"invalid:{reference}"
