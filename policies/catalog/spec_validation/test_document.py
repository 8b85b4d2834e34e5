"""Hostile documents are refused in words, soon, and before they take memory."""

import json
import time
from typing import Any

import pytest
import yaml

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
    "flow style: deep": "{a: " * 100_000,
    "flow style: a text again and again": "{x: &s " + "a" * 100_000 + ", openapi: 3.0.3, y: ["
    + ", ".join(["*s"] * 10_000) + "]}",
    "flow style: a list of lists": "{a0: &a0 [1], " + ", ".join(
        f"a{at}: &a{at} [*a{at - 1}, *a{at - 1}]" for at in range(1, 40)) + ", openapi: 3.0.3}",
    "flow style: a name twice": "{openapi: 3.0.3, paths: {}, paths: {}}",
    "a style that is none": document({}, paths={"/a": {"get": {"parameters": [
        {"name": "q", "in": ["query"]}]}}}),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_cost_much_or_is_no_document_is_refused(name: str) -> None:
    with pytest.raises(Wrong):
        described(REFUSED[name])


IN_FLOW_STYLE = {
    "plain": "{openapi: 3.0.3, paths: {/a: {get: {parameters: [{name: q, in: query, schema: {}}]}}}}",
    "of lines, with comments": """
        {  # ours
          openapi: 3.0.3,
          paths: {/a: {get: {parameters: [  # one
            {name: q, in: query, schema: {type: string}},
          ]}}},
        }
    """,
    "quoted, with a comma more": """{"openapi": "3.0.3", "paths": {"/a": {"get": {"parameters": [
        {"name": "q", "in": "query", "schema": {"type": "string"}}]}},}}""",
    "anchored": "{openapi: 3.0.3, x-s: &s {type: string},"
    " paths: {/a: {get: {parameters: [{name: q, in: query, schema: *s}]}}}}",
}


@pytest.mark.parametrize("name", IN_FLOW_STYLE)
def test_yaml_in_flow_style_is_read_as_in_block_style(name: str) -> None:
    block = yaml.safe_dump(yaml.safe_load(IN_FLOW_STYLE[name]), default_flow_style=False)

    assert described(IN_FLOW_STYLE[name]) == described(block)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"openapi": "3.0.3",\n "paths": {} "x": 1}', r"line 2, column 14: Expecting ',' delimiter"),
        ("{openapi: 3.0.3,\n paths: {}, x: [1}", "line 2: did not find expected ',' or '\\]'"),
        ("{", "line 1, column 2: Expecting property name"),
    ],
)
def test_a_broken_document_is_told_of_as_what_it_looks_like(text: str, words: str) -> None:
    with pytest.raises(Wrong, match=words):
        described(text)


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
