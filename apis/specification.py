"""Checks an uploaded OpenAPI document without ever following what it refers to."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from django.core.exceptions import ValidationError
from openapi_spec_validator import OpenAPIV2SpecValidator, OpenAPIV30SpecValidator, OpenAPIV31SpecValidator
from referencing.exceptions import Unresolvable

MAX_BYTES = 2 * 1024 * 1024
MAX_NODES = 200_000
MAX_DEPTH = 100
NOT_OPENAPI = "The file is not an OpenAPI document"

_VALIDATORS = {
    "2.0": OpenAPIV2SpecValidator,
    "3.0": OpenAPIV30SpecValidator,
    "3.1": OpenAPIV31SpecValidator,
}


@dataclass(frozen=True)
class Specification:
    title: str
    version: str
    operations: int


def check(text: str) -> Specification:
    """What the document says of itself. Raises ValidationError naming the place and the fault."""
    document = _parse(text)
    version = str(document.get("openapi") or document.get("swagger") or "")
    validator = next((v for start, v in _VALIDATORS.items() if version.startswith(start)), None)
    if validator is None:
        raise ValidationError(
            f'{NOT_OPENAPI}: its first level needs "openapi: 3.0.x" or "3.1.x" (or "swagger: 2.0").'
        )
    for place, reference in _references(document):
        if not reference.startswith("#"):
            raise ValidationError(
                f'{place}: "{reference}" points outside the file; bundle the document into one file.'
            )
    document = json.loads(json.dumps(document, default=str))
    try:
        error = next(validator(document).iter_errors(), None)
    except Unresolvable as lost:
        raise ValidationError(f'{NOT_OPENAPI}: it refers to "{lost.ref}", which it does not hold.') from lost
    except RecursionError as endless:
        raise ValidationError(f"{NOT_OPENAPI}: it is nested too deeply.") from endless
    if error is not None:
        place = ".".join(str(part) for part in getattr(error, "absolute_path", ())) or "the document"
        raise ValidationError(f"{NOT_OPENAPI}: {place}: {str(getattr(error, 'message', error))[:300]}")
    info = document["info"]
    paths = document.get("paths") or {}
    return Specification(str(info["title"]), str(info["version"]), sum(len(item) for item in paths.values()))


def _parse(text: str) -> dict[str, Any]:
    if len(text.encode()) > MAX_BYTES:
        raise ValidationError(f"The file is larger than {MAX_BYTES // 1024 // 1024} MB.")
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise ValidationError(f"{NOT_OPENAPI}: it is neither JSON nor YAML{where}.") from error
    if not isinstance(document, dict):
        raise ValidationError(f"{NOT_OPENAPI}: it holds no fields.")
    return document


def _references(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every `$ref` with its place. Counts nodes, since YAML aliases can make a small file endless."""
    waiting: list[tuple[str, Any]] = [("", document)]
    seen = 0
    while waiting:
        place, value = waiting.pop()
        seen += 1
        if seen > MAX_NODES or place.count(".") > MAX_DEPTH:
            raise ValidationError(
                f"The document is more than {MAX_DEPTH} levels deep or {MAX_NODES} values long."
            )
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield place or "the document", value["$ref"]
            waiting.extend((f"{place}.{key}".lstrip("."), child) for key, child in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{place}.{index}", child) for index, child in enumerate(value))
