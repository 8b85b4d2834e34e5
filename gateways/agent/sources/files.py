"""Reads resources from YAML files, and remembers the file and line of every field."""

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from errno import EINVAL
from pathlib import Path
from typing import Any

import yaml

from gateways.agent.sources import pieces
from gateways.agent.sources.parsing import ReadResource, line_of
from gateways.agent.sources.pieces import FilePiece
from gateways.agent.translate.held import Broken, held
from gateways.protocol import resources as r
from gateways.protocol.faults import Fault
from gateways.protocol.yaml_documents import MOST_BYTES

_SUFFIXES = (".yaml", ".yml")
SETTLED_NS = 2_000_000_000
"""A file that was changed less long ago may be changed again without another time of change."""
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
class FileDocument:
    """One resource, where it stands, and the YAML it was made from, whose lines count from `first_line`."""

    resource: r.AnyResource
    file: Path
    node: yaml.Node
    first_line: int = 1

    @property
    def line(self) -> int:
        return self.first_line + int(self.node.start_mark.line)

    def holds(self, diagnostic: Diagnostic) -> bool:
        """Whether it is about this document."""
        last = self.first_line + self.node.end_mark.line
        return diagnostic.file == self.file and self.line <= diagnostic.line <= last

    def diagnostic(self, fault: Fault) -> Diagnostic:
        line = self.first_line + line_of(self.node, fault.path)
        return Diagnostic(self.file, line, str(fault), fault.is_warning)


@dataclass(frozen=True)
class Loaded:
    files: tuple[Path, ...] = ()
    documents: tuple[FileDocument, ...] = ()
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
    documents: dict[Key, FileDocument] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    twice: set[Key] = field(default_factory=set)

    def refuse(self, diagnostic: Diagnostic, data: Any = None) -> None:
        """Note that a document, or the rest of a file, is not read."""
        self.diagnostics.append(diagnostic)
        self.broken.append(Broken(data, str(diagnostic)))

    def take(self, file: Path, piece: FilePiece) -> None:
        for one in piece.found:
            if isinstance(one, ReadResource):
                self._add(FileDocument(one.resource, file, one.node, piece.first_line))
                continue
            diagnostic = Diagnostic(file, piece.first_line + one.line, one.message, one.is_warning)
            if one.is_warning:
                self.diagnostics.append(diagnostic)
            else:
                self.refuse(diagnostic, one.data)

    def _add(self, made: FileDocument) -> None:
        key = _key(made.resource)
        first = self.documents.setdefault(key, made)
        if first is made:
            return
        resource = made.resource
        text = f"is already defined at {first.file}:{first.line}; choose another name"
        line = made.first_line + line_of(made.node, ("metadata", "name"))
        subject = f"{resource.kind} {resource.metadata.name}: metadata.name"
        told = resource.model_dump(by_alias=True)
        self.refuse(Diagnostic(made.file, line, f"{subject}: {text}"), told)
        self.broken.append(Broken(first.resource.model_dump(by_alias=True), self.broken[-1].reason))
        self.twice.add(key)

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


@dataclass(frozen=True)
class _File:
    """What was read of one, and when it was changed, as far as that can tell whether it was changed since."""

    stamp: tuple[int, ...] | None
    pieces: tuple[FilePiece, ...]


class FolderReader:
    """Reads a folder again and again: of files that have not changed nothing, of one that has the documents
    that have.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._environ = environ
        self._known: dict[Path, _File] = {}

    def load(self, folder: Path) -> Loaded:
        """Every document of its YAML files, in their order. Raises OSError where it cannot be read."""
        reading, known = _Reading(), {}
        found = files(folder)
        for path in found:
            try:
                known[path] = self._file(path)
            except OSError as error:
                reading.refuse(Diagnostic(path, 1, f"the file cannot be read: {error.strerror}"))
                continue
            for piece in known[path].pieces:
                reading.take(path, piece)
        self._known = known
        return reading.loaded(found)

    def _file(self, path: Path) -> _File:
        stamp = _stamp(path)
        before = self._known.get(path)
        if before and stamp and stamp == before.stamp:
            return before
        return _File(stamp, pieces.read(_content(path), self._environ, before.pieces if before else ()))


def load(folder: Path, environ: Mapping[str, str] = os.environ) -> Loaded:
    """The same, once."""
    return FolderReader(environ).load(folder)


def load_text(text: str, environ: Mapping[str, str] = os.environ, file: Path = Path("-")) -> Loaded:
    """The documents of one text."""
    reading = _Reading()
    for piece in pieces.read(text.encode(), environ):
        reading.take(file, piece)
    return reading.loaded([file])


def _stamp(path: Path) -> tuple[int, ...] | None:
    """None where it has been changed just now, as far as clocks tell. Raises OSError."""
    told = path.stat()
    is_settled = 0 < told.st_mtime_ns < time.time_ns() - SETTLED_NS
    return (told.st_mtime_ns, told.st_ctime_ns, told.st_ino, told.st_size) if is_settled else None


def _content(path: Path) -> bytes:
    """A little more than may be read, of a file that is larger. Raises OSError; a pipe would never end."""
    if path.exists() and not path.is_file():
        raise OSError(EINVAL, "it is no regular file")
    with path.open("rb") as file:
        return file.read(MOST_BYTES + 1)


def _raise(error: OSError) -> None:
    raise error


def _key(resource: r.AnyResource) -> Key:
    return resource.kind, resource.key
