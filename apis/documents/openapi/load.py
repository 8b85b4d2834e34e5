"""A document's text as values that JSON knows, read as OpenAPI reads YAML: by the rules of YAML 1.2.

Made from the parser's events one by one: what is too much is refused before it is built, and an alias
is what it stands for, not a copy.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from apis.documents.openapi.fault import DocumentFault, Path, shortened
from apis.documents.openapi.limits import MOST_LEVELS, MOST_TEXT, MOST_VALUES

if yaml.__with_libyaml__:
    from yaml import CSafeLoader as _Loader
else:
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]  # the two share no base

NEITHER = "it is neither JSON nor YAML"
_TAG = "tag:yaml.org,2002:"
_AS_WRITTEN = {"openapi", "swagger"}
_INFO_AS_WRITTEN = {"title", "version"}
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,4})?")
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_WORDS: dict[str, Any] = {"": None, "~": None}
_WORDS |= dict.fromkeys(("null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)


def load(text: str) -> Any:
    """The document's value. Raises DocumentFault with line and column where it is none, or is too much."""
    if not text.lstrip().startswith(("{", "[")):
        return _yaml(text)
    try:
        return _json(text)
    except json.JSONDecodeError as error:
        try:
            return _yaml(text)
        except DocumentFault as worse:
            if not worse.message.startswith(NEITHER):
                raise
        raise DocumentFault(f"{NEITHER}: {error.msg}", line=error.lineno, column=error.colno) from None


def place_of(text: str, path: Path) -> tuple[int, int] | None:
    """Line and column of what the path leads to, or of the nearest thing around it."""
    wanted = [str(part) for part in path]
    found: tuple[int, int] | None = None
    best = -1
    try:
        for at, event in _places(text):
            if best < len(at) <= len(wanted) and wanted[: len(at)] == [str(part) for part in at]:
                best, found = len(at), (event.start_mark.line + 1, event.start_mark.column + 1)
            if best == len(wanted):
                break
    except yaml.YAMLError:
        pass
    return found


@dataclass
class _Frame:
    """A mapping or a list that is being filled; sizes are of all that is in it, aliases followed."""

    value: Any
    anchor: str | None
    values: int = 1
    text: int = 0
    levels: int = 1
    key: str | None = None
    merges: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Known:
    value: Any
    values: int
    text: int
    levels: int


class _Builder:
    def __init__(self) -> None:
        self.stack: list[_Frame] = []
        self.known: dict[str, _Known | None] = {}
        self.values = self.text = 0
        self.root: Any = None

    def take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.MappingStartEvent():
                self._open({}, event)
            case yaml.SequenceStartEvent():
                self._open([], event)
            case yaml.CollectionEndEvent():
                self._close(event)

    def _open(self, value: Any, event: Any) -> None:
        _check_tag(event, "map" if isinstance(value, dict) else "seq")
        if self.stack and isinstance(self.stack[-1].value, dict) and self.stack[-1].key is None:
            raise _at(event, "a key is text; write a list or a mapping as a value")
        if len(self.stack) >= MOST_LEVELS:
            raise _at(event, f"it is more than {MOST_LEVELS} levels deep")
        if event.anchor:
            self.known[event.anchor] = None
        self.stack.append(_Frame(value, event.anchor))
        self._count(event, 1, 0)

    def _close(self, event: Any) -> None:
        frame = self.stack.pop()
        for merged in frame.merges:
            for key, value in merged.items():
                frame.value.setdefault(key, value)
        made = _Known(frame.value, frame.values, frame.text, frame.levels)
        if frame.anchor:
            self.known[frame.anchor] = made
        self._put(event, made)

    def _scalar(self, event: Any) -> None:
        text = event.value
        self._count(event, 1, len(text))
        frame = self.stack[-1] if self.stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            if event.anchor:
                self.known[event.anchor] = _Known(text, 1, len(text), 0)
            self._key(event, frame, text)
            return
        made = _Known(text if self._is_as_written() else _value(event), 1, len(text), 0)
        if event.anchor:
            self.known[event.anchor] = made
        self._put(event, made)

    def _key(self, event: Any, frame: _Frame, text: str) -> None:
        if text in frame.value and not (text == "<<" and event.implicit[0]):
            raise _at(event, f'"{shortened(text, 80)}" is given twice')
        frame.key, frame.text = text, frame.text + len(text)
        if text != "<<" or not event.implicit[0]:
            # Its place among the others; the value follows.
            frame.value[text] = None

    def _alias(self, event: Any) -> None:
        if event.anchor not in self.known:
            raise _at(event, f'no "&{shortened(event.anchor, 80)}" stands before this alias')
        known = self.known[event.anchor]
        if known is None:
            raise _at(event, "an alias stands inside of what it stands for")
        self._count(event, known.values, known.text)
        if len(self.stack) + known.levels > MOST_LEVELS:
            raise _at(event, f"it is more than {MOST_LEVELS} levels deep, aliases followed")
        frame = self.stack[-1] if self.stack else None
        if frame is not None and isinstance(frame.value, dict) and frame.key is None:
            raise _at(event, "an alias cannot be a key")
        self._put(event, known)

    def _put(self, event: Any, made: _Known) -> None:
        if not self.stack:
            self.root = made.value
            return
        frame = self.stack[-1]
        frame.values, frame.text = frame.values + made.values, frame.text + made.text
        frame.levels = max(frame.levels, made.levels + 1)
        if isinstance(frame.value, list):
            frame.value.append(made.value)
            return
        key, frame.key = frame.key, None
        if key == "<<" and key not in frame.value:
            merged = made.value if isinstance(made.value, list) else [made.value]
            if not all(isinstance(one, dict) for one in merged):
                raise _at(event, '"<<" merges mappings, and this is none')
            frame.merges += merged
        else:
            frame.value[key] = made.value

    def _is_as_written(self) -> bool:
        """Whether the value is text whatever it looks like: `version: 1.10` is not the number 1.1."""
        keys = [frame.key for frame in self.stack]
        return (len(keys) == 1 and keys[0] in _AS_WRITTEN) or (
            len(keys) == 2 and keys[0] == "info" and keys[1] in _INFO_AS_WRITTEN
        )

    def _count(self, event: Any, values: int, text: int) -> None:
        self.values, self.text = self.values + values, self.text + text
        if self.values > MOST_VALUES:
            raise _at(event, f"it holds more than {MOST_VALUES:,} values, aliases followed")
        if self.text > MOST_TEXT:
            raise _at(event, f"it holds more than {MOST_TEXT:,} characters, aliases followed")


def _yaml(text: str) -> Any:
    builder = _Builder()
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _at(event, "a second document begins here; a file holds one")
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise DocumentFault(f"{NEITHER}: {error.problem}", line=line, column=column) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentFault(f"{NEITHER}: {error.reason}", line=line) from None
    return builder.root


def _value(event: Any) -> Any:
    """The value that a scalar stands for."""
    text: str = event.value
    tag = (event.tag or "").removeprefix(_TAG)
    if tag == "str" or (not event.implicit[0] and tag in ("", "!")):
        return text
    _check_tag(event, "null", "bool", "int", "float")
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if len(text) < 400 and _FLOAT.fullmatch(text):
        number = float(text)
        return number if math.isfinite(number) else text
    return text


def _check_tag(event: Any, *kinds: str) -> None:
    if event.tag and event.tag != "!" and event.tag.removeprefix(_TAG) not in kinds:
        raise _at(event, f'{NEITHER}: the tag "{shortened(event.tag, 80)}" means nothing here')


def _at(event: Any, message: str) -> DocumentFault:
    return DocumentFault(message, line=event.start_mark.line + 1, column=event.start_mark.column + 1)


def _json(text: str) -> Any:
    """Raises json.JSONDecodeError."""
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
    except RecursionError:
        raise DocumentFault(f"it is more than {MOST_LEVELS} levels deep") from None
    level, values = [found], 0
    for _ in range(MOST_LEVELS + 1):
        values += len(level)
        if values > MOST_VALUES:
            raise DocumentFault(f"it holds more than {MOST_VALUES:,} values")
        level = [part for value in level if isinstance(value, dict | list) for part in _parts(value)]
        if not level:
            break
    else:
        raise DocumentFault(f"it is more than {MOST_LEVELS} levels deep")
    _check_text(text, found)
    if isinstance(found, dict):
        for key in _AS_WRITTEN & found.keys():
            if isinstance(found[key], int | float):
                found[key] = str(found[key])
    return found


def _check_text(text: str, found: Any) -> None:
    """Half of a character, written as an escape, is none: nothing keeps, shows or compares it."""
    if not _HALF.search(text):
        return
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(error.object[error.start]):04x}"
        at = text.lower().find(half)
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise DocumentFault(f"{half} is half of a character alone", line=line, column=column) from None


def _parts(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise DocumentFault(f'"{shortened(twice, 80)}" is given twice in one object')
    return made


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= 18 else float(text)


def _no_constant(text: str) -> None:
    raise DocumentFault(f"{text} is not JSON")


def _places(text: str) -> Iterator[tuple[list[str | int | None], Any]]:
    """Every key of a mapping and item of a list with the path to it: one list, which goes on changing."""
    path: list[str | int | None] = []
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            path.pop()
        elif not isinstance(event, yaml.NodeEvent):
            continue
        elif path and path[-1] is None:
            path[-1] = event.value if isinstance(event, yaml.ScalarEvent) else ""
            yield path, event
            continue
        else:
            if not path or isinstance(path[-1], int):
                yield path, event
            if isinstance(event, yaml.CollectionStartEvent):
                path.append(None if isinstance(event, yaml.MappingStartEvent) else 0)
                continue
        if path:
            path[-1] = path[-1] + 1 if isinstance(path[-1], int) else None
