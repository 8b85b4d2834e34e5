"""What is read in an OpenAPI document, and what is said of one that cannot be."""

import json

import pytest

from apis.documents.openapi.check import CheckedDocument, read
from apis.documents.openapi.fault import DocumentFault, pointer

ORDERS = """\
openapi: 3.0.3
info: {title: Orders, version: 1.20}
servers:
  - url: https://{region}.example.com/{version}
    description: by region
    variables: {region: {default: eu}, version: {default: v1}}
  - {url: /relative}
  - {url: "https://{unknown}.example.com"}
paths:
  x-owner: {get: nobody}
  /orders:
    summary: All of them
    description: Of everybody
    parameters: []
    servers: []
    x-cache: {get: 1}
    get: {summary: List, operationId: list, tags: [orders], responses: {200: {description: ok}}}
    post: {deprecated: true, responses: {"201": {description: made}}}
  /orders/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    get: {responses: {200: {description: ok}}}
"""


RING = """openapi: 3.0.0
info: {title: a, version: '1'}
paths: {/a: {$ref: '#/paths/~1b'}, /b: {$ref: '#/paths/~1a'}}
"""


def fault(text: str) -> DocumentFault:
    with pytest.raises(DocumentFault) as refused:
        read(text)
    return refused.value


def schema(version: str, schemas: str) -> str:
    return f"openapi: {version}\ninfo: {{title: T, version: v}}\npaths: {{}}\ncomponents:\n  schemas: {schemas}\n"


def test_operations_are_methods_of_paths_and_nothing_else() -> None:
    found = read(ORDERS)

    assert [(one.method, one.path) for one in found.operations] == [
        ("GET", "/orders"),
        ("POST", "/orders"),
        ("GET", "/orders/{id}"),
    ]
    first, second, _ = found.operations
    assert (first.summary, first.operation_id, first.tags) == ("List", "list", ("orders",))
    assert second.is_deprecated


def test_title_and_version_are_as_written() -> None:
    found = read(ORDERS)

    assert (found.title, found.version, found.openapi) == ("Orders", "1.20", "3.0.3")


def test_servers_have_their_variables_filled_in() -> None:
    assert [one.url for one in read(ORDERS).servers] == ["https://eu.example.com/v1", "/relative"]


@pytest.mark.parametrize(
    ("lines", "urls"),
    [
        (
            "host: example.com\nbasePath: /v2\nschemes: [http, https]",
            ["https://example.com/v2", "http://example.com/v2"],
        ),
        ("host: example.com:8443", ["https://example.com:8443"]),
        ("basePath: /v2", ["/v2"]),
        ("basePath: /", []),
    ],
)
def test_swagger_says_where_it_is_served_in_its_own_way(lines: str, urls: list[str]) -> None:
    found = read(f"swagger: 2.0\ninfo: {{title: T, version: 1}}\npaths: {{}}\n{lines}")

    assert [one.url for one in found.servers] == urls


def test_a_path_may_be_that_of_another_place() -> None:
    text = ORDERS.replace("openapi: 3.0.3", "openapi: 3.1.0") + (
        "  /copy: {$ref: '#/paths/~1orders'}\n  /shared: {$ref: '#/components/pathItems/shared'}\n"
        "components: {pathItems: {shared: {delete: {responses: {200: {description: ok}}}}}}\n"
    )

    found = [(one.method, one.path) for one in read(text).operations]

    assert found[3:] == [("GET", "/copy"), ("POST", "/copy"), ("DELETE", "/shared")]


def test_operations_of_3_2() -> None:
    answer = "{responses: {200: {description: ok}}}"
    found = read(
        "openapi: 3.2.0\n$self: https://example.com/orders\ninfo: {title: T, version: v}\n"
        f"paths: {{/a: {{query: {answer}, additionalOperations: {{COPY: {answer}}}}}}}"
    )

    assert [one.method for one in found.operations] == ["QUERY", "COPY"]


@pytest.mark.parametrize("said", ["3.0", "3.0.4", "3.1", "3.1.1", "3.2", "3.2.0"])
def test_every_version_of_3_is_read_also_without_its_last_part(said: str) -> None:
    assert read(f"openapi: {said}\ninfo: {{title: T, version: v}}\npaths: {{}}").openapi == said


@pytest.mark.parametrize(
    "text",
    [
        '{"openapi":"3.1.0","info":{"title":"T","version":"1"},"paths":{}}',
        '{"swagger": 2.0, "info":{"title":"T","version":"1"},"paths":{}}',
        "{openapi: 3.1.0, info: {title: T, version: v}, paths: {}}",
        schema("3.0.0", "{A: {type: string, pattern: '^\\p{Lu}(?=x)(?!y)\\1$'}}"),
        schema("3.0.0", "{A: {type: string, format: regex, pattern: '['}}"),
        schema("3.0.0", "{A: {example: {$ref: nowhere}, default: {$ref: 'http://x/y'}, enum: [{$ref: z}]}}"),
        schema("3.0.0", "{A: {properties: {$ref: {type: string}, example: {$ref: '#/components/schemas/A'}}}}"),
        schema("3.0.0", "{A: {$ref: '#/components/schemas/B'}, B: {$ref: '#/components/schemas/A'}}"),
        schema("3.0.0", "{A: {x-more: {$ref: elsewhere.yaml}}}"),
        schema("3.0.0", "{A: {type: string, enum: [yes, no, NO, 2020-01-01, 0x1f, 1:30]}}"),
        schema("3.1.0", "{A: {$anchor: here, properties: {b: {$ref: '#here'}}}}"),
        schema("3.1.0", "{A: {$id: 'https://e.com/s/a', properties: {b: {$ref: b}}}, B: {$id: 'https://e.com/s/b'}}"),
        schema("3.1.0", "{A: {$id: 'https://e.com/a', allOf: [{$ref: '#/components/schemas/B'}]}, B: true}"),
        schema("3.1.0", "{A: {$dynamicAnchor: node, items: {$dynamicRef: '#node'}}}"),
        schema("3.1.0", "{A: {$ref: '#/components/schemas/B/properties/x'}, B: {$ref: '#/components/schemas/C'}, C: {properties: {x: {}}}}"),
        schema("3.1.0", "{A: {examples: [{$ref: nowhere}], const: {$ref: x}}, x: {}}"),
        ORDERS.replace("description: ok", "description: ok, content: {a/b: {example: {$ref: nowhere}}}"),
        ORDERS.replace("description: ok", "description: ok, x-more: {$ref: 'http://x/y'}"),
    ],
)  # fmt: skip
def test_documents_that_others_read_are_read(text: str) -> None:
    assert isinstance(read(text), CheckedDocument)


@pytest.mark.parametrize(
    ("text", "words", "place", "line"),
    [
        ("", "holds no fields", "", None),
        ("hello", "holds no fields", "", None),
        ("[]", "holds no fields", "", None),
        ("{", "neither JSON nor YAML", "", 1),
        ('{\n"a": 1,\n"b" 2}', "neither JSON nor YAML: Expecting ':'", "", 3),
        ("a: 1\nb: [", "neither JSON nor YAML", "", 3),
        ("a: 1\nb: \x07", "neither JSON nor YAML", "", 2),
        ("a: 1\na: 2", '"a" is given twice', "", 2),
        ('{"a": 1, "a": 2}', '"a" is given twice', "", None),
        ("a: !!python/object/apply:os.system [ls]", "means nothing", "", 1),
        ("a: 1\n---\nb: 2", "a second document", "", 2),
        ('{"a":\n {"b\\uD83D": "\\uD83D\\uDE00"}}', "half of a character", "", 2),
        ("<<: 1", "merges mappings", "", 1),
        ("a: *b", 'no "&b"', "", 1),
        ("? [a]\n: 1", "a key is text", "", 1),
        ("#%RAML 1.0\ntitle: x", 'needs "openapi: 3.0.x"', "", None),
        ("openapi: 4.0.0", 'openapi is "4.0.0"', "/openapi", 1),
        ("swagger: 1.2", 'swagger is "1.2"', "/swagger", 1),
        ("openapi: 2.0", 'openapi is "2.0"', "/openapi", 1),
        ("openapi: 3.0.0", '"info" is a required property', "", None),
        (ORDERS.replace("description: made", "descr: made"), '"description" is a required', "/paths/~1orders/post/responses/201", 18),
        (ORDERS.replace("title: Orders", "title: [1]"), "not of type", "/info/title", 2),
        (ORDERS.replace("  /orders:", "  orders:"), "'orders' was unexpected", "/paths", 9),
        (schema("3.0.0", "{A: {$ref: '#/info/title/x'}}"), "does not hold", "/components/schemas/A/$ref", 5),
        (schema("3.0.0", "{A: {$ref: '#/components/no'}}"), "does not hold", "/components/schemas/A/$ref", 5),
        (schema("3.0.0", "{A: {$ref: '#nowhere'}}"), "does not hold", "/components/schemas/A/$ref", 5),
        (schema("3.0.0", "{A: {$ref: 'http://10.0.0.1/x.yaml'}}"), "points outside the file", "/components/schemas/A/$ref", 5),
        (schema("3.0.0", "{A: {$ref: '/etc/passwd'}}"), "points outside the file", "/components/schemas/A/$ref", 5),
        (schema("3.0.0", "{A: {$ref: 'http://[x'}}"), "points outside the file", "/components/schemas/A/$ref", 5),
        (schema("3.0.0", "{A: {$ref: '#/components/schemas/A/x/y'}}"), "does not hold", "/components/schemas/A/$ref", 5),
        (schema("3.0.0", "{A: {allOf: [{$ref: '#/components/schemas/A/allOf/9'}]}}"), "does not hold", "/components/schemas/A/allOf/0/$ref", 5),
        (RING, "leads round in a ring", "/paths/~1a", 3),
        (schema("3.1.0", "{A: {$ref: '#gone'}}"), "does not hold", "/components/schemas/A/$ref", 5),
        (schema("3.1.0", "{A: {$id: 'https://e.com/a', $ref: c}}"), "points outside the file", "/components/schemas/A/$ref", 5),
    ],
)  # fmt: skip
def test_a_fault_has_its_place(text: str, words: str, place: str, line: int | None) -> None:
    found = fault(text)

    assert words in str(found)
    assert (pointer(found.path), found.line) == (place, line)


def test_what_is_odd_but_no_fault_is_remarked() -> None:
    text = ORDERS.replace("post: {", "post: {operationId: list, ").replace("/orders/{id}", "/orders/{other}")

    remarks = " ".join(read(text).remarks)

    assert 'operationId "list" of POST /orders is that of GET /orders too' in remarks
    assert "path parameter {other} is declared nowhere" in remarks


def test_merges_and_aliases_say_what_they_stand_for() -> None:
    text = (
        "openapi: 3.0.0\ninfo: {title: &t Orders, version: *t}\nx-a: &a {get: {responses: {200: {description: d}}}}\n"
        "paths:\n  /a: *a\n  /b: {<<: *a, post: {responses: {200: {description: d}}}}\n  /c: {<<: [*a, {delete: {responses: {200: {description: d}}}}]}\n"
    )  # fmt: skip

    found = read(text)

    assert found.version == "Orders"
    assert [f"{one.method} {one.path}" for one in found.operations] == [
        "GET /a",
        "GET /b",
        "POST /b",
        "GET /c",
        "DELETE /c",
    ]


def test_texts_fit_a_page_and_a_database() -> None:
    document = {
        "openapi": "3.0.0",
        "info": {"title": "a\0b" * 1000, "version": "\ud7ff\x07"},
        "paths": {"/a\x00": {"get": {"summary": "s\n" * 9999, "responses": {"200": {"description": "d"}}}}},
    }

    found = read(json.dumps(document))

    assert len(found.title) == 255
    assert "\0" not in json.dumps(
        [found.title, found.version, found.operations[0].path, found.operations[0].summary]
    )
    assert len(found.operations[0].summary) <= 200


def test_the_content_of_an_operation_is_what_it_says_with_what_it_refers_to() -> None:
    """And nothing else: neither its words, nor other operations."""

    def contents(**schemas: object) -> list[str]:
        answer = {"200": {"description": "ok", "content": {"application/json": {"schema": schemas["a"]}}}}
        paths = {
            "/a": {"get": {"summary": str(schemas.get("words")), "responses": answer}},
            "/b": {"get": {"responses": {"200": {"description": "ok"}}}},
        }
        components = {name: schema for name, schema in schemas.items() if len(name) == 1 and name != "a"}
        document = {"openapi": "3.0.3", "info": {"title": "A", "version": "1"}, "paths": paths}
        whole = document | {"components": {"schemas": components}}
        return [one.content for one in read(json.dumps(whole)).operations]

    ring = {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/C"}}}
    back = {"type": "object", "properties": {"back": {"$ref": "#/components/schemas/B"}}}
    to = {"$ref": "#/components/schemas/B"}
    usual = contents(a=to, B=ring, C=back)

    assert contents(a=to, B=ring, C=back, words="other") == usual
    assert contents(a=to, B=ring, C=back, D={"type": "string"}) == usual
    deeper = contents(a=to, B=ring, C=back | {"required": ["back"]})
    assert deeper[0] != usual[0] and deeper[1] == usual[1]
    assert all(len(one) == 32 for one in usual)
