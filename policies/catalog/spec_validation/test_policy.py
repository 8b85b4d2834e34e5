"""Requests that the document describes pass, others are refused and told where they differ."""

import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policies.patterns.pattern import automaton
from tests.policies.envoy import compiled
from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy

SHOP = """
openapi: 3.0.3
info: {title: Shop, version: '1'}
paths:
  /orders:
    get:
      parameters:
        - {name: limit, in: query, required: true, schema: {type: integer, minimum: 1, maximum: 50}}
        - {name: tag, in: query, schema: {type: array, maxItems: 2, items: {type: string, minLength: 2}}}
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: open, in: query, schema: {type: boolean}}
        - {name: any, in: query, allowEmptyValue: true, schema: {type: string, enum: ["1", "é"]}}
        - {name: filter, in: query, content: {application/json: {schema: {type: object, required: [a]}}}}
        - {name: X-Trace, in: header, schema: {type: string, format: uuid}}
        - {name: theme, in: cookie, schema: {type: string, enum: [light, dark]}}
        - {name: deep, in: query, style: deepObject, schema: {type: object}}
    post:
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: '#/components/schemas/Order'}}
          text/csv: {}
  /orders/{id}:
    parameters: [{$ref: '#/components/parameters/Id'}]
    get: {}
    patch: {requestBody: {content: {application/merge-patch+json: {schema: {type: object}}}}}
  /orders/mine: {get: {}}
  /files/{name}.{kind}:
    get: {parameters: [{name: kind, in: path, required: true, schema: {enum: [pdf, txt]}}]}
components:
  parameters:
    Id: {name: id, in: path, required: true, schema: {type: integer, minimum: 1}}
  schemas:
    Order:
      type: object
      required: [items, made]
      additionalProperties: false
      properties:
        made: {type: string, readOnly: true}
        items: {type: array, minItems: 1, items: {$ref: '#/components/schemas/Item'}}
        parent: {$ref: '#/components/schemas/Order'}
        note: {type: string, nullable: true, pattern: '^[a-z é]+$', maxLength: 5}
    Item:
      type: object
      required: [price]
      properties: {price: {type: number, exclusiveMinimum: true, minimum: 0}}
"""
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: NAME}
spec:
  address: http://127.0.0.1:${port}/NAME
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: spec-validation-flex}, MORE}]
---
"""


def api(name: str, spec: str, more: str = "", binding: str = "") -> str:
    config = f"source: inline, spec: {json.dumps(spec)}{more}".replace("$", "$$")
    return API.replace("NAME", name).replace("MORE", f"config: {{{config}}}{binding}")


def schema(name: str, schemas: list[Any], version: str = "3.1.0") -> str:
    """An API with a path for each schema."""
    paths = {
        f"/{at}": {
            "post": {"requestBody": {"required": True, "content": {"application/json": {"schema": one}}}}
        }
        for at, one in enumerate(schemas)
    }
    return api(name, json.dumps({"openapi": version, "paths": paths}))


ITSELF = {"$ref": "#/paths/~10/post/requestBody/content/application~1json/schema"}
WIDE = [
    {
        "anyOf": [
            {"properties": {"a": ITSELF}, "required": ["x"]},
            {"properties": {"a": ITSELF}, "required": ["y"]},
        ]
    },
    {"type": "array", "uniqueItems": True},
    {"type": "string", "pattern": "(a+)+b"},
    {"type": "string", "format": "email"},
    {"type": "object", "patternProperties": {"(a|aa)*$": {}}},
]
APIS = "".join(
    [
        api("shop", SHOP),
        api("strict", SHOP, ", strictParamsValidation: true, apiBasePath: /v1"),
        api("based", SHOP, ", apiBasePath: /based"),
        api("told", SHOP, ", blockOperation: false"),
        api("observed", SHOP, binding=", mode: observe"),
        api("some", SHOP, binding=", rules: [{methods: POST}]"),
        schema("wide", WIDE),
    ]
).removesuffix("---\n")
ORDERS = "/shop/orders"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(APIS, tmp_path_factory.mktemp("gateway")) as running:
        yield running


def fault(gateway: Gateway, target: str, method: str = "GET", **options: Any) -> str:
    """What an answer says is wrong; "" where the request passes."""
    answer = gateway.request(method, target, timeout=30, **options)
    if answer.status_code == 200:
        return ""
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"]).removeprefix("The request does not fit the API: ")


PASSING = [
    "?limit=1", "?limit=50&tag=ab&tag=cd", "?limit=1&ids=1,2,3", "?limit=1&ids=", "?limit=1&open=true",
    "?limit=1&any=1", "?limit=1&any=%C3%A9", "?limit=1&any=", "?limit=1&any",
    "?limit=1&filter=%7B%22a%22:1%7D", "?limit=1&unknown=x", "?limit=1.0", "?%6Cimit=1", "?limit=1&deep[a]=x",
]  # fmt: skip
REFUSED = {
    "": "query limit: is missing",
    "?limit=0": "query limit: at least 1 wanted",
    "?limit=51": "query limit: at most 50 wanted",
    "?limit=1.5": "query limit: integer wanted",
    "?limit=x": "query limit: integer wanted",
    "?limit=": "query limit: integer wanted",
    "?limit=01": "query limit: integer wanted",
    "?limit=1&limit=2": "query limit: is given more than once",
    "?limit=1&tag=a": "query tag/0: at least 2 characters wanted",
    "?limit=1&tag=ab&tag=ab&tag=ab": "query tag: at most 2 elements wanted",
    "?limit=1&ids=1,x": "query ids/1: integer wanted",
    "?limit=1&open=1": "query open: boolean wanted",
    "?limit=1&any=2": "query any: is none of the values that are allowed",
    "?limit=1&filter=%7B%7D": "query filter/a: is missing",
    "?limit=1&filter=x": "query filter: is no JSON",
}


@pytest.mark.parametrize("query", PASSING)
def test_parameters_that_fit_pass(gateway: Gateway, query: str) -> None:
    assert fault(gateway, ORDERS + query) == ""


@pytest.mark.parametrize("query", REFUSED)
def test_parameters_that_do_not_fit_are_refused(gateway: Gateway, query: str) -> None:
    assert fault(gateway, ORDERS + query) == REFUSED[query]


def test_headers_and_cookies_are_judged(gateway: Gateway) -> None:
    uuid = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"

    assert fault(gateway, f"{ORDERS}?limit=1", headers={"x-trace": uuid, "cookie": "a=b; theme=dark"}) == ""
    assert fault(gateway, f"{ORDERS}?limit=1", headers={"x-trace": "1"}) == "header x-trace: uuid wanted"
    assert "cookie theme" in fault(gateway, f"{ORDERS}?limit=1", headers={"cookie": "theme=red"})


def test_paths_and_methods_are_judged(gateway: Gateway) -> None:
    assert fault(gateway, "/shop/orders/7") == ""
    assert fault(gateway, "/shop/orders/mine") == ""
    assert fault(gateway, "/shop/orders/7", "HEAD") == ""
    assert fault(gateway, "/shop/files/a.b.pdf") == "path kind: is none of the values that are allowed"
    assert fault(gateway, "/shop/files/a.pdf") == ""
    assert fault(gateway, "/shop/orders/0") == "path id: at least 1 wanted"
    assert fault(gateway, "/shop/orders/%37") == ""
    assert fault(gateway, "/shop/orders/7", "DELETE") == "DELETE is not described here"
    for path in ("/shop", "/shop/", "/shop/order", "/shop/orders/", "/shop/orders/7/x", "/shop/files/.pdf"):
        assert fault(gateway, path) == "there is no such path", path


def test_unknown_names_are_refused_where_parameters_are_strict(gateway: Gateway) -> None:
    assert fault(gateway, "/strict/v1/orders?limit=1&x=2") == "query x: is not known here"
    assert fault(gateway, "/strict/v1/orders?limit=1&deep[a]=2") == ""
    assert fault(gateway, "/strict/orders?limit=1") == "there is no such path"
    assert fault(gateway, "/based/orders?limit=1") == ""


BODIES = {
    '{"items":[{"price":1}]}': "",
    '{"items":[{"price":1}],"note":null,"parent":{"items":[{"price":0.1}]}}': "",
    '{"items":[{"price":1}],"note":"\\u00e9"}': "",
    '{"items":[{"price":1},{"price":"1"}]}': "/items/1/price: number wanted",
    '{"items":[{"price":0}]}': "/items/0/price: more than 0 wanted",
    '{"items":[{}]}': "/items/0/price: is missing",
    '{"items":[]}': "/items: at least 1 elements wanted",
    '{"items":[{"price":1}],"x\\"<y":1}': "/x??y: is not known here",
    '{"items":[{"price":1}],"parent":{"items":1}}': "/parent/items: array wanted",
    '{"items":[{"price":1}],"note":"A"}': "/note: does not match the pattern",
    '{"items":[{"price":1}],"note":"ééééée"}': "/note: at most 5 characters wanted",
    '{"items":[{"price":1}],"note":5}': "/note: null or string wanted",
    '{"items":[{"price":1}],"items":[]}': "an object has a name twice",
    "[]": "/: object wanted",
    "{": "the body is no JSON",
    "": "the body is missing",
    "[" * 300 + "]" * 300: "the body has more than 200 levels",
}


@pytest.mark.parametrize("body", BODIES)
def test_bodies_are_judged(gateway: Gateway, body: str) -> None:
    headers = {"content-type": "application/json; charset=utf-8"}

    assert fault(gateway, ORDERS, "POST", content=body.encode(), headers=headers) == BODIES[body]


def test_kinds_of_bodies_are_judged(gateway: Gateway) -> None:
    def sent(kind: str, content: str = "[]", target: str = ORDERS, method: str = "POST") -> str:
        return fault(gateway, target, method, content=content, headers={"content-type": kind})

    assert sent("text/csv", "a;b") == ""
    assert sent("text/csv", "") == "the body is missing"
    assert sent("text/csv", "a;b" * 500_000) == "", "it is not read, so it may be of any size"
    assert sent("text/plain") == "text/plain is not accepted"
    assert fault(gateway, ORDERS, "POST", content=b"[]") == "/: object wanted"
    assert sent("application/merge-patch+json", "[]", "/shop/orders/1", "PATCH") == "/: object wanted"
    assert fault(gateway, "/shop/orders/1", "PATCH") == ""


def test_a_body_that_is_compressed_as_nobody_reads_is_refused(gateway: Gateway) -> None:
    headers = {"content-type": "application/json", "content-encoding": "br"}

    assert gateway.post(ORDERS, content=b"x", headers=headers).status_code == 415


def test_conditions_hold(gateway: Gateway) -> None:
    assert fault(gateway, "/some/orders") == ""
    assert fault(gateway, "/some/orders", "POST", content=b"[]") == "/: object wanted"


def test_the_log_tells_what_does_not_fit_and_what_would_have_been_refused(tmp_path: Path) -> None:
    with running_gateway(APIS, tmp_path) as gateway:
        for name in ("told", "observed"):
            assert fault(gateway, f"/{name}/orders", "POST", content=b'{"items":[{"price":"x"}]}') == ""
            assert fault(gateway, f"/{name}/orders?limit=1") == ""
        fault(gateway, "/shop/nothing")
        fault(gateway, ORDERS, "PUT")
        fault(gateway, f"{ORDERS}?limit=0")

        assert gateway.reasons(7) == [
            ["body: /items/0/price: number wanted"],
            [],
            ["body: /items/0/price: number wanted"],
            [],
            ["path: there is no such path"],
            ["method: PUT is not described here"],
            ["parameters: query limit: at least 1 wanted"],
        ]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/wide/0", '{"a":' * 150 + "1" + "}" * 150),
        ("/wide/1", "[" + ",".join(map(str, range(120_000))) + "]"),
        ("/wide/1", "[" + "1," * 400_000 + "1]"),
        ("/wide/2", json.dumps("a" * 900_000)),
        ("/wide/3", json.dumps("@" * 900_000)),
        ("/wide/3", json.dumps("a." * 400_000 + "@" + "a." * 20_000)),
        ("/wide/4", "{" + ",".join(f'"{"a" * (at % 50)}{at}":1' for at in range(20_000)) + "}"),
    ],
)
def test_no_body_costs_much_time(gateway: Gateway, path: str, body: str) -> None:
    """The best of several tries, so that a busy machine fails nothing."""
    best = float("inf")
    for _ in range(4):
        began = time.perf_counter()
        fault(gateway, path, "POST", content=body.encode(), headers={"content-type": "application/json"})
        best = min(best, time.perf_counter() - began)
        if best < 0.5:
            break

    assert best < 0.5


def test_the_document_of_an_asset_is_the_consoles(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="write source: inline"):
        compiled("spec-validation", {"source": "context"}, tmp_path)


def test_patterns_find_what_python_finds() -> None:
    draw = random.Random(262)
    for _ in range(150):
        pattern = drawn_pattern(draw)
        ours, theirs = automaton(pattern), re.compile(pattern.replace("$", r"\Z"), re.ASCII)
        for _ in range(8):
            text = "".join(draw.choices("abc1é x", k=draw.randint(0, 6)))
            assert ours.finds(text) == bool(theirs.search(text)), (pattern, text)


def drawn_pattern(draw: random.Random, depth: int = 0) -> str:
    kind = draw.random()
    if depth > 3 or kind < 0.4:
        return draw.choice(["a", "b", "c", ".", "[ab]", "[^a]", r"\d", r"\w", "é", "[a-cé]", r"[^\s]"])
    inner = drawn_pattern(draw, depth + 1)
    if kind < 0.6:
        return inner + drawn_pattern(draw, depth + 1)
    if kind < 0.7:
        return f"(?:{inner}|{drawn_pattern(draw, depth + 1)})"
    if kind < 0.9:
        return f"(?:{inner}){draw.choice(['*', '+', '?', '{2}', '{1,3}', '{0,2}?', '{2,}'])}"
    return f"^{inner}" if kind < 0.95 else f"{inner}$"
