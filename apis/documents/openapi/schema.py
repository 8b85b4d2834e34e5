"""Whether a document has the form that its version of OpenAPI prescribes.

Judged by the published schemas. Regular expressions, formats and defaults of the document itself are
text to them: none is run.
"""

import json
from importlib.resources import files
from typing import Any

import jsonschema_rs

from apis.documents.openapi.fault import DocumentFault, Path, pointer, shortened

VERSIONS = {"2.0": "v2.0", "3.0": "v3.0", "3.1": "v3.1", "3.2": "v3.2"}
"""The start of a version, and the folder of its schema."""
WANTED = 'its first level needs "openapi: 3.0.x", "3.1.x" or "3.2.x" (or "swagger: 2.0")'
MOST_TRIED = 50
"""Faults that are compared to find the one that says most."""


def version_of(document: dict[str, Any]) -> str:
    """ "3.1", say. Raises DocumentFault where it is none that can be read."""
    key = "openapi" if "openapi" in document else "swagger"
    said = document.get(key)
    if said is None:
        raise DocumentFault(WANTED)
    version = next((one for one in VERSIONS if str(said) == one or str(said).startswith(f"{one}.")), None)
    if version is None or (version == "2.0") != (key == "swagger"):
        raise DocumentFault(f'{key} is "{shortened(str(said), 40)}"; {WANTED}', (key,))
    return version


def check(document: dict[str, Any], version: str) -> None:
    """Raises DocumentFault with what is wrong and where."""
    if document.get("openapi") == version:
        # "3.1" for 3.1.x is usual, and clear.
        document = {**document, "openapi": f"{version}.0"}
    schema = files("openapi_spec_validator") / "resources" / "schemas" / VERSIONS[version] / "schema.json"
    validator = jsonschema_rs.validator_for(json.loads(schema.read_text()), validate_formats=False)
    tried = []
    for error in validator.iter_errors(document):
        tried.append(_deepest(error))
        if len(tried) >= MOST_TRIED:
            break
    if tried:
        # What lacks "$ref" is rarely meant to be a reference.
        first = min(tried, key=lambda one: one.message.startswith('"$ref" is a required'))
        path = _path(document, first.instance_path)
        raise DocumentFault(f"{pointer(path) or 'the first level'}: {_said(first)}", path)


def _said(error: Any) -> str:
    text = str(error.message).replace("Unevaluated properties", "Additional properties")
    if len(text) > 300:
        kind = type(error.kind).__name__
        text = f"this does not fit the schema of OpenAPI ({kind}): {text}"
    return text


def _deepest(error: Any) -> Any:
    """Of a choice between forms, what is wrong with the form that comes closest."""
    while branches := [branch for branch in getattr(error.kind, "context", ()) if branch]:
        has_ref = isinstance(error.instance, dict) and "$ref" in error.instance
        best = max(branches, key=lambda branch: _closeness(branch, has_ref))
        error = max(best, key=lambda one: len(one.instance_path))
    return error


def _closeness(branch: list[Any], has_ref: bool) -> tuple[bool, int, int]:
    lacks_ref = any(str(one.message).startswith('"$ref" is a required') for one in branch)
    return (has_ref or not lacks_ref, max(len(one.instance_path) for one in branch), -len(branch))


def _path(document: Any, found: list[str | int]) -> Path:
    """The validator tells keys of digits, such as "200", as numbers."""
    path: list[str | int] = []
    value = document
    for part in found:
        key = str(part) if isinstance(value, dict) else part
        path.append(key)
        value = value[key]
    return tuple(path)
