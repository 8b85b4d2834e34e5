"""Hostile documents are refused in words, soon, and before they take memory."""

import json
import time
from typing import Any

import pytest

from policies.catalog.spec_validation.document import Wrong
from policies.catalog.spec_validation.operations import described


def ref(number: int) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/A{number}"}


def document(schemas: dict[str, Any], **more: Any) -> str:
    parameter = {"name": "q", "in": "query", "schema": ref(0)}
    paths = {"/a": {"get": {"parameters": [parameter]}}}
    return json.dumps({"openapi": "3.0.3", "paths": paths, "components": {"schemas": schemas}, **more})


def of_paths(**common: Any) -> str:
    """Two thousand paths that all are the one with these fields."""
    paths = {f"/{at}": {"$ref": "#/common"} for at in range(2000)}
    return document({}, paths=paths, common={"get": common})


YAML = "openapi: 3.0.3\npaths: {/a: {get: {parameters: [{name: q, in: query, schema: {enum: [%s]}}]}}}"
TAGS = ("!!timestamp 2020-01-01", "!!binary aGVsbG8=", "!!set {a}", "!!omap [a: 1]", "!!bool x", "!!int [a]")
MANY = [{"name": f"p{at}", "in": "query"} for at in range(3000)]
REFUSED = {
    "deep lists": "[" * 200_000,
    "deep lines": "- " * 100_000 + "a",
    "a text again and again": f"x: &s {'a' * 100_000}\n" + YAML % ", ".join(["*s"] * 10_000),
    "a name again and again": f"x: &s {{{'a' * 100_000}: 1}}\n" + YAML % ", ".join(["*s"] * 10_000),
    "many parameters of many paths": of_paths(parameters=MANY),
    "many types of many paths": of_paths(
        requestBody={"content": {f"a/{at}": {} for at in range(5000)}},
    ),
    "allOf of too many": document({"A0": {"allOf": [ref(at) for at in range(1, 500)]}}
                                  | {f"A{at}": {"title": "a"} for at in range(1, 500)}),
    "a name twice, at the end": '{"openapi": "3.0.3", '
    + ", ".join(f'"a{at}": 1' for at in range(30_000)) + ', "a": 1, "a": 2}',
    "a number without end": document({"A0": {"minLength": 10}}).replace("10", "1e999"),
    "half a character": document({"A0": {"const": "\ud800"}}),
    **{f"the tag {tag}": YAML % tag for tag in TAGS},
    "a style that is none": document({}, paths={"/a": {"get": {"parameters": [
        {"name": "q", "in": ["query"]}]}}}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_cost_much_or_is_no_document_is_refused(name: str) -> None:
    with pytest.raises(Wrong):
        described(REFUSED[name])


READ = {
    "allOf of itself": {"A0": {"allOf": [ref(1)]}, "A1": {"type": "array", "items": ref(0)}},
    "doubling": {
        **{f"A{at}": {"allOf": [ref(at + 1), ref(at + 1)]} for at in range(40)},
        "A40": {"type": "string"},
    },
    "a long row": {**{f"A{at}": {"type": "array", "items": ref(at + 1)} for at in range(2000)}, "A2000": {}},
}


@pytest.mark.parametrize("name", READ)
def test_what_refers_to_each_other_in_any_way_is_read_soon(name: str) -> None:
    began = time.perf_counter()

    assert described(document(READ[name])).table

    assert time.perf_counter() - began < 5


def test_styles_and_formats_that_are_none_are_remarked() -> None:
    parameter = {"name": "q", "in": "query", "style": ["form"], "schema": {"format": ["date"]}}
    made = described(document({}, paths={"/a": {"get": {"parameters": [parameter]}}}))

    assert made.remarks
