"""Reads resources from YAML files, and remembers the file and line of every field."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from errno import EINVAL
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gateways.agent.translate.held import Broken, held
from gateways.protocol import resources as r
from gateways.protocol.faults import Fault, dotted, explained
from gateways.protocol.yaml_documents import MOST_BYTES, BadYaml, documents

_SUFFIXES = (".yaml", ".yml")
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_LITERAL = re.compile(r"\$(\$+[A-Za-z_][A-Za-z0-9_]*)")
_MAY_BE_EMPTY = frozenset(("annotations", "config", "policies", "routes", "rules", "services"))
"""Fields that count as left out when nothing stands behind the name. None of them chooses what is meant."""

_OF_KUBERNETES = frozenset(
    (
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "finalizers",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    )
)
"""What a cluster adds to `metadata`, and kubectl shows: it says nothing of what is meant."""

Key = tuple[str, tuple[str, str]]


@dataclass(frozen=True)
class Diagnostic:
    """One line for the author of a file."""

    file: Path
    line: int
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'warning: ' if self.is_warning else ''}{self.message}"


@dataclass(frozen=True)
class Document:
    """One resource, where it stands, and the YAML it was made from."""

    resource: r.AnyResource
    file: Path
    node: yaml.Node

    @property
    def line(self) -> int:
        return self.node.start_mark.line + 1

    def holds(self, diagnostic: Diagnostic) -> bool:
        """Whether it is about this document."""
        return diagnostic.file == self.file and self.line <= diagnostic.line <= self.node.end_mark.line + 1

    def diagnostic(self, fault: Fault) -> Diagnostic:
        return Diagnostic(self.file, line_of(self.node, fault.path), str(fault), fault.is_warning)


@dataclass(frozen=True)
class Loaded:
    files: tuple[Path, ...] = ()
    documents: tuple[Document, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    broken: tuple[Broken, ...] = ()

    @property
    def resources(self) -> tuple[r.AnyResource, ...]:
        return tuple(document.resource for document in self.documents)

    @property
    def is_sound(self) -> bool:
        return all(diagnostic.is_warning for diagnostic in self.diagnostics)

    def held(self) -> dict[tuple[str, str], str]:
        """The APIs that wait for a broken document to be mended, with the reason. Raises Unknown for all."""
        return held(self.broken, self.resources)

    def located(self, faults: Iterable[Fault]) -> Iterator[Diagnostic]:
        """The faults of these resources, with file and line."""
        known = {_key(one.resource): one for one in self.documents}
        for fault in faults:
            yield known[fault.kind, (fault.namespace, fault.name)].diagnostic(fault)


@dataclass
class _Reading:
    environ: Mapping[str, str]
    documents: dict[Key, Document] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    twice: set[Key] = field(default_factory=set)

    def refuse(self, diagnostic: Diagnostic, data: Any = None) -> None:
        """Note that a document, or the rest of a file, is not read."""
        self.diagnostics.append(diagnostic)
        self.broken.append(Broken(data, str(diagnostic)))

    def loaded(self, files: Iterable[Path]) -> Loaded:
        """Of two documents of one name neither counts: nobody knows which is meant."""
        kept = tuple(one for key, one in self.documents.items() if key not in self.twice)
        return Loaded(tuple(files), kept, tuple(self.diagnostics), tuple(self.broken))


def files(folder: Path) -> list[Path]:
    """The YAML files of the folder and of those in it, by name. Raises OSError for an unreadable folder.

    Hidden ones are left out: editors keep drafts there, and Kubernetes what its mounted files lead to.
    """
    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if is_read(name)]
    return sorted(path for path in found if path.is_file() or path.is_symlink())


def is_read(name: str) -> bool:
    return name.endswith(_SUFFIXES) and not name.startswith(".")


def load(folder: Path, environ: Mapping[str, str] = os.environ) -> Loaded:
    """Every document of the folder's YAML files, in their order. Raises OSError for an unreadable folder."""
    reading = _Reading(environ)
    found = files(folder)
    for path in found:
        try:
            content = _content(path)
        except OSError as error:
            reading.refuse(Diagnostic(path, 1, f"the file cannot be read: {error.strerror}"))
        else:
            _read(reading, path, content)
    return reading.loaded(found)


def load_text(text: str, environ: Mapping[str, str] = os.environ, file: Path = Path("-")) -> Loaded:
    """The documents of one text."""
    reading = _Reading(environ)
    _read(reading, file, text.encode())
    return reading.loaded([file])


def line_of(node: yaml.Node, path: Iterable[str | int]) -> int:
    """The line, from 1, of the field, or of the nearest one around it that is there."""
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            return line
    return line


def _content(path: Path) -> bytes:
    """A little more than may be read, of a file that is larger. Raises OSError; a pipe would never end."""
    if path.exists() and not path.is_file():
        raise OSError(EINVAL, "it is no regular file")
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _raise(error: OSError) -> None:
    raise error


def _read(reading: _Reading, file: Path, content: bytes) -> None:
    try:
        for node, data in documents(content):
            if not _is_passed_over(data):
                _document(reading, file, node, data)
    except BadYaml as error:
        reading.refuse(Diagnostic(file, error.line, str(error)))


def _is_passed_over(data: Any) -> bool:
    """What the console alone knows of an API, and nothing at all."""
    is_details = isinstance(data, dict) and data.get("kind") == r.API_DETAILS
    return data is None or (is_details and data.get("apiVersion") in r.API_VERSIONS)


def _document(reading: _Reading, file: Path, node: yaml.Node, data: Any) -> None:
    line = node.start_mark.line + 1
    if not isinstance(data, dict):
        reading.refuse(Diagnostic(file, line, "this document is not a mapping of fields"))
        return
    version = data.get("apiVersion")
    if version == "v1" and data.get("kind") == "List":
        for item, value in _items(node, data):
            _document(reading, file, item, value)
        return
    if version not in r.API_VERSIONS:
        text = "is missing" if version is None else f'"{version}" is not {r.API_VERSION}'
        diagnostic = _at(file, node, data, ("apiVersion",), f"{text}; the document is ignored")
        # What looks like one of ours may be the guard of an API: without it that API does not go on.
        if data.get("kind") in r.KINDS:
            reading.refuse(diagnostic, data)
        else:
            reading.diagnostics.append(replace(diagnostic, is_warning=True))
        return
    unset = [(path, name) for path, name in _variables(data) if name not in reading.environ]
    for path, name in unset:
        text = f"the environment has no variable {name}; set it, or write the value"
        reading.refuse(_at(file, node, data, path, text), data)
    try:
        resource = r.RESOURCE.validate_python(_resolved(_own(data), reading.environ))
    except ValidationError as error:
        for where, message in explained(error):
            path = where[1:] if where and where[0] == data.get("kind") else where
            reading.refuse(_at(file, node, data, path, message), data)
        return
    if unset:
        return
    first = reading.documents.setdefault(_key(resource), made := Document(resource, file, node))
    if first is not made:
        text = f"is already defined at {first.file}:{first.line}; choose another name"
        reading.refuse(_at(file, node, data, ("metadata", "name"), text), data)
        reading.broken.append(Broken(first.resource.model_dump(by_alias=True), reading.broken[-1].reason))
        reading.twice.add(_key(resource))


def _items(node: yaml.Node, data: dict[str, Any]) -> Iterator[tuple[yaml.Node, Any]]:
    """What a List holds. One that holds none may have been meant to."""
    nodes = [value for key, value in node.value if key.value == "items"]
    items = data.get("items")
    if not isinstance(items, list) or not isinstance(nodes[0], yaml.SequenceNode):
        yield node, []
        return
    yield from zip(nodes[0].value, items, strict=True)


def _own(data: dict[str, Any]) -> dict[str, Any]:
    """The metadata without what a cluster added."""
    own = {key: value for key, value in data.items() if key != "status"}
    if isinstance(metadata := own.get("metadata"), dict):
        own["metadata"] = {key: value for key, value in metadata.items() if key not in _OF_KUBERNETES}
    return own


def _key(resource: r.AnyResource) -> Key:
    return resource.kind, resource.key


def _at(
    file: Path, node: yaml.Node, data: dict[str, Any], path: tuple[str | int, ...], text: str
) -> Diagnostic:
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    subject = f"{data.get('kind') or 'document'} {name}" if name else str(data.get("kind") or "document")
    return Diagnostic(file, line_of(node, path), f"{subject}: {dotted(path)}: {text}")


def _variables(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where in a `config`, a contract's `client` or what a secret holds a `$NAME` stands, and its name."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _variables(one, (*path, key))
    elif isinstance(value, str) and _takes_variables(path) and (match := _VARIABLE.fullmatch(value)):
        yield path, match[1]


def _takes_variables(path: tuple[str | int, ...]) -> bool:
    return "config" in path or path[:2] in (("spec", "client"), ("spec", "data"), ("spec", "tls"))


def _resolved(value: Any, environ: Mapping[str, str], path: tuple[str | int, ...] = ()) -> Any:
    """The value with the variables that stand where they may replaced by the environment's, and `$$` before a
    name by a `$` that begins no variable; without what is empty, outside of them.
    """
    in_config = _takes_variables(path)
    if isinstance(value, dict):
        return {
            key: _resolved(one, environ, (*path, key))
            for key, one in value.items()
            if one is not None or in_config or key not in _MAY_BE_EMPTY
        }
    if isinstance(value, list):
        return [_resolved(one, environ, (*path, at)) for at, one in enumerate(value)]
    if isinstance(value, str) and in_config and (match := _VARIABLE.fullmatch(value)):
        return environ.get(match[1], value)
    if isinstance(value, str) and in_config and (match := _LITERAL.fullmatch(value)):
        return match[1]
    return value
