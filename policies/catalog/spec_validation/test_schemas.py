"""What the gateway says of drawn values and schemas is what the package jsonschema says."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from policies.catalog.spec_validation.test_policy import schema
from tests.traffic.gateway import running_gateway

pytestmark = pytest.mark.envoy
SCHEMAS, VALUES = 150, 12
NAMES = ("a", "b", "c", "é", "x y")
TEXTS = ("", "a", "ab", "abc", "é", "ééé", "1", "2026-02-29", "10.0.0.1", "😀", "a\u0000b")
NUMBERS = (0, 1, 2, 3, -1, 0.5, 1.0, 1.5, 10, 1e3, -0.0)


def drawn_value(draw: random.Random, depth: int = 0) -> Any:
    kind = draw.randrange(8 if depth < 3 else 5)
    if kind < 2:
        return draw.choice(NUMBERS)
    if kind < 4:
        return draw.choice(TEXTS)
    if kind == 4:
        return draw.choice([None, True, False])
    if kind < 7:
        return {name: drawn_value(draw, depth + 1) for name in draw.sample(NAMES, draw.randrange(4))}
    return [drawn_value(draw, depth + 1) for _ in range(draw.randrange(4))]


def drawn_schema(draw: random.Random, depth: int = 0) -> Any:
    """Two keywords, more or less."""
    if draw.random() < 0.05:
        return draw.random() < 0.7
    made: dict[str, Any] = {}
    for _ in range(draw.choice([1, 1, 2, 2, 3])):
        made |= draw.choice(PLAIN if depth > 2 or draw.random() < 0.5 else NESTED)(draw, depth + 1)
    return made


def some(draw: random.Random, depth: int) -> list[Any]:
    return [drawn_schema(draw, depth) for _ in range(draw.randint(1, 3))]


def named(draw: random.Random, depth: int) -> dict[str, Any]:
    return {name: drawn_schema(draw, depth) for name in draw.sample(NAMES, draw.randint(1, 3))}


KINDS = ["null", "boolean", "integer", "number", "string", "array", "object"]
PLAIN = [
    lambda d, _: {"type": d.choice(KINDS)},
    lambda d, _: {"type": d.sample(KINDS, d.randint(1, 3))},
    lambda d, _: {"enum": [drawn_value(d, 2) for _ in range(d.randint(1, 4))]},
    lambda d, _: {"const": drawn_value(d, 2)},
    lambda d, _: {
        d.choice(["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]): d.choice(NUMBERS)
    },
    lambda d, _: {"multipleOf": d.choice([1, 2, 0.5, 3])},
    lambda d, _: {d.choice(["minLength", "maxLength", "minItems", "maxItems"]): d.randint(0, 3)},
    lambda d, _: {d.choice(["minProperties", "maxProperties"]): d.randint(0, 3)},
    lambda d, _: {"pattern": d.choice(["^a", "b$", "^.{2}$", "é+", "[0-9]", "^(ab|a)?$"])},
    lambda d, _: {"uniqueItems": True},
    lambda d, _: {"required": d.sample(NAMES, d.randint(1, 2))},
    lambda d, _: {"dependentRequired": {d.choice(NAMES): d.sample(NAMES, 1)}},
]
NESTED = [
    lambda d, n: {d.choice(["allOf", "anyOf", "oneOf"]): some(d, n)},
    lambda d, n: {"not": drawn_schema(d, n)},
    lambda d, n: {"if": drawn_schema(d, n), "then": drawn_schema(d, n), "else": drawn_schema(d, n)},
    lambda d, n: {"items": drawn_schema(d, n)},
    lambda d, n: {"prefixItems": some(d, n), "items": drawn_schema(d, n)},
    lambda d, n: {"contains": drawn_schema(d, n), "minContains": d.randint(0, 2), "maxContains": 2},
    lambda d, n: {"properties": named(d, n)},
    lambda d, n: {"properties": named(d, n), "additionalProperties": drawn_schema(d, n)},
    lambda d, n: {"patternProperties": {"^[ab]$": drawn_schema(d, n)}, "additionalProperties": False},
    lambda d, n: {"propertyNames": drawn_schema(d, n)},
    lambda d, n: {"dependentSchemas": named(d, n)},
]


def test_as_jsonschema_judges(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    draw = random.Random(2020)
    schemas = [drawn_schema(draw) for _ in range(SCHEMAS)]
    wrong, verdicts = [], {True: 0, False: 0}
    with running_gateway(schema("drawn", schemas).removesuffix("---\n"), tmp_path) as gateway:
        for at, one in enumerate(schemas):
            judge = jsonschema.Draft202012Validator(one)
            for _ in range(VALUES):
                value = drawn_value(draw)
                headers = {"content-type": "application/json"}
                answer = gateway.post(f"/drawn/{at}", content=json.dumps(value), headers=headers)
                expected = judge.is_valid(value)
                verdicts[expected] += 1
                if (answer.status_code == 200) != expected:
                    wrong.append((one, value, expected, answer.text[:200]))

    assert wrong == []
    assert min(verdicts.values()) > SCHEMAS
