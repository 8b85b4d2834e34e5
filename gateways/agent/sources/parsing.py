"""From the text of YAML documents to resources, and to what is wrong with them: the same text gives the same.

So what was read once need not be read again while it stands as it stood. The text's first line is 0.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError

from gateways.protocol import resources as r
from gateways.protocol.faults import dotted, explained
from gateways.protocol.yaml_documents import BadYaml, documents

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

Parts = tuple[str | int, ...]


@dataclass(frozen=True)
class ReadResource:
    """A resource, and the YAML that it was made from."""

    resource: r.AnyResource
    node: yaml.Node


@dataclass(frozen=True)
class ParseMessage:
    """What is to be told of a line. A warning refuses nothing; else `data` is of the document that is not
    read, as far as it could be.
    """

    line: int
    message: str
    is_warning: bool = False
    data: Any = None


Found = tuple[ReadResource | ParseMessage, ...]


def parse(content: bytes, environ: Mapping[str, str]) -> tuple[Found, bool]:
    """What its documents are, in their order; and whether they could be read to the end."""
    found: list[ReadResource | ParseMessage] = []
    try:
        for node, data in documents(content):
            if not _is_passed_over(data):
                found += _document(node, data, environ)
    except BadYaml as error:
        found.append(ParseMessage(error.line - 1, str(error)))
        return tuple(found), False
    return tuple(found), True


def line_of(node: yaml.Node, path: Iterable[str | int]) -> int:
    """The line of the field, or of the nearest one around it that is there."""
    line = node.start_mark.line
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                return line
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            return line
    return line


def _is_passed_over(data: Any) -> bool:
    """What the console alone knows of an API, and nothing at all."""
    is_details = isinstance(data, dict) and data.get("kind") == r.API_DETAILS
    return data is None or (is_details and data.get("apiVersion") in r.API_VERSIONS)


def _document(
    node: yaml.Node, data: Any, environ: Mapping[str, str]
) -> Iterator[ReadResource | ParseMessage]:
    if not isinstance(data, dict):
        yield ParseMessage(node.start_mark.line, "this document is not a mapping of fields")
        return
    version = data.get("apiVersion")
    if version == "v1" and data.get("kind") == "List":
        for item, value in _items(node, data):
            yield from _document(item, value, environ)
        return
    if version not in r.API_VERSIONS:
        text = "is missing" if version is None else f'"{version}" is not {r.API_VERSION}'
        # What looks like one of ours may be the guard of an API: without it that API does not go on.
        is_ours = data.get("kind") in r.KINDS
        yield said(node, data, ("apiVersion",), f"{text}; the document is ignored", is_warning=not is_ours)
        return
    unset = [(path, name) for path, name in _variables(data) if name not in environ]
    for path, name in unset:
        yield said(node, data, path, f"the environment has no variable {name}; set it, or write the value")
    try:
        resource = r.RESOURCE.validate_python(_resolved(_own(data), environ))
    except ValidationError as error:
        for where, message in explained(error, r.AnyResource):
            path = where[1:] if where and where[0] == data.get("kind") else where
            yield said(node, data, path, message)
        return
    if not unset:
        yield ReadResource(resource, node)


def said(
    node: yaml.Node, data: Mapping[str, Any], path: Parts, text: str, *, is_warning: bool = False
) -> ParseMessage:
    """Of a field of a document, by its kind and name."""
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    subject = f"{data.get('kind') or 'document'} {name}" if name else str(data.get("kind") or "document")
    return ParseMessage(line_of(node, path), f"{subject}: {dotted(path)}: {text}", is_warning, data)


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


def _variables(value: Any, path: Parts = ()) -> Iterator[tuple[Parts, str]]:
    """Where in a `config`, a contract's `client` or what a secret holds a `$NAME` stands, and its name."""
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _variables(one, (*path, key))
    elif isinstance(value, str) and _takes_variables(path) and (match := _VARIABLE.fullmatch(value)):
        yield path, match[1]


def _takes_variables(path: Parts) -> bool:
    return "config" in path or path[:2] in (("spec", "client"), ("spec", "data"), ("spec", "tls"))


def _resolved(value: Any, environ: Mapping[str, str], path: Parts = ()) -> Any:
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
