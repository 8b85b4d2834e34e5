"""The documents of a YAML file, refused where reading them would harm the gateway that reads."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

import yaml

# The parser in C takes an eighth of the time of the one in Python.
if yaml.__with_libyaml__:
    from yaml import CSafeLoader as _SafeLoader
else:
    from yaml import SafeLoader as _SafeLoader  # type: ignore[assignment]  # the two share no base

MOST_LEVELS = 100
"""Of nesting; what comes after parsing calls itself for each."""

MOST_VALUES = 250_000
"""In one document, with what an alias stands for counted each time: nine lines can stand for 10^9."""

MOST_TEXT = 32 * 1024 * 1024
"""Characters of one document, counted likewise: an alias of a long text is short."""

MOST_BYTES = 32 * 1024 * 1024
"""Of a file."""

MOST_DIGITS = 400
"""Of a number: what is written in base 60 takes ever longer to count."""

_TAG = "tag:yaml.org,2002:"
_PLAIN = tuple(_TAG + name for name in ("null", "bool", "int", "float", "str", "seq", "map"))
_KEYS = (f"{_TAG}str", f"{_TAG}merge")


class BadYaml(ValueError):
    """The text says what is wrong; `line` counts from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def documents(content: bytes) -> Iterator[tuple[yaml.Node, Any]]:
    """Each document's node, and its value of what JSON knows alone. Raises BadYaml where reading ends."""
    if len(content) > MOST_BYTES:
        raise BadYaml(1, f"the file has more than {MOST_BYTES // 1024 // 1024} MB")
    _check_encoding(content)
    _check_size(content)
    loader = _Loader(content)
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None
            _weigh(node, {})
            yield node, loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise _broken(content, error) from None
    except yaml.reader.ReaderError as error:
        line = _line_at(content, error.position)
        raise BadYaml(line, f"the file is not YAML: {error.reason}") from None
    finally:
        loader.dispose()


class _Loader(_SafeLoader):
    """Knows no dates: they are text, as they are to Flex Gateway."""


def _plain(loader: Any, node: yaml.Node) -> Any:
    """Raises MarkedYAMLError for what its tag does not fit, and for what JSON cannot hold."""
    if len(node.value) > MOST_DIGITS:
        raise _error("the number is too long; put text in quotes", node)
    try:
        value = _SafeLoader.yaml_constructors[node.tag](loader, node)
    except (ValueError, KeyError):
        kind = node.tag.removeprefix(_TAG)
        raise _error(f"this is no value of type {kind}; put text in quotes", node) from None
    if isinstance(value, float) and not isfinite(value):
        raise _error("this is not a number that can be counted with; put text in quotes", node)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise _error("the number has more than 64 bits; put text in quotes", node)
    return value


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != f"{_TAG}timestamp"]
    for first, known in _SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.yaml_constructors = {
    None: _SafeLoader.yaml_constructors[None],
    **{tag: _SafeLoader.yaml_constructors[tag] for tag in _PLAIN},
    **{f"{_TAG}{name}": _plain for name in ("bool", "int", "float")},
}


def _check_encoding(content: bytes) -> None:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = _line_at(content, error.start)
        raise BadYaml(line, "the file is not UTF-8 text; save it in that encoding") from None


def _check_size(content: bytes) -> None:
    """Asked of the parser's events: the parser in C dies of what is nested too deeply, and nodes of a
    million values take a gigabyte. Raises BadYaml.
    """
    depth = values = 0
    too_deep = f"the YAML is broken: it is more than {MOST_LEVELS} levels deep"
    try:
        for event in yaml.parse(content, Loader=_Loader):
            if isinstance(event, yaml.DocumentStartEvent):
                values = 0
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            elif isinstance(event, yaml.NodeEvent):
                values += 1
                depth += isinstance(event, yaml.CollectionStartEvent)
                if depth > MOST_LEVELS:
                    raise BadYaml(_line(event.start_mark), too_deep)
                # Keys are events as well as values.
                if values > 2 * MOST_VALUES:
                    raise BadYaml(_line(event.start_mark), f"it holds more than {MOST_VALUES} values")
    except yaml.MarkedYAMLError as error:
        # A newer parser gives up by itself, at a thousand levels. What else is wrong is told when the
        # documents before it have been read.
        if error.problem_mark and "nesting depth" in str(error.problem):
            raise BadYaml(_line(error.problem_mark), too_deep) from None
    except yaml.YAMLError:
        return


@dataclass(frozen=True)
class _Weight:
    values: int
    levels: int
    text: int


def _weigh(node: yaml.Node, known: dict[int, _Weight | None]) -> _Weight:
    """What it holds, aliases followed. Looks at a node once. Raises MarkedYAMLError."""
    if id(node) in known:
        found = known[id(node)]
        if found is None:
            raise _error("an alias stands inside of what it stands for", node)
        return found
    known[id(node)] = None
    values, levels = 1, 0
    text = len(node.value) if isinstance(node, yaml.ScalarNode) else 0
    for child in _children(node):
        below = _weigh(child, known)
        values, levels, text = values + below.values, max(levels, below.levels), text + below.text
    if values > MOST_VALUES:
        raise _error(f"it holds more than {MOST_VALUES} values, aliases followed", node)
    if text > MOST_TEXT:
        raise _error(f"it holds more than {MOST_TEXT} characters, aliases followed", node)
    if levels >= MOST_LEVELS:
        raise _error(f"it is more than {MOST_LEVELS} levels deep, aliases followed", node)
    weight = known[id(node)] = _Weight(values, levels + 1, text)
    return weight


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        _check_keys(node)
        yield from (value for _, value in node.value)


def _check_keys(node: yaml.MappingNode) -> None:
    """YAML readers keep the last of two equal keys without a word. Raises MarkedYAMLError."""
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag not in _KEYS:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            raise _error(f'the key "{name}" is not text; put it in quotes', key)
        if key.value in seen:
            raise _error(f'"{key.value}" is given twice', key)
        seen.add(key.value)


def _broken(content: bytes, error: yaml.MarkedYAMLError) -> BadYaml:
    reason = f"the YAML is broken: {error.problem}"
    line = _line(error.problem_mark)
    if error.context and _line(error.context_mark) < line:
        reason += f", {error.context} that begins at line {_line(error.context_mark)}"
    # The end of the file is to the parser a line of its own.
    return BadYaml(min(line, len(content.splitlines()) or 1), reason)


def _line(mark: Any) -> int:
    return mark.line + 1 if mark else 1


def _line_at(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1


def _error(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
