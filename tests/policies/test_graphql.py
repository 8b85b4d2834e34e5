"""Policies about GraphQL through a real Envoy: documents in every dress, fragments, batches, hostile ones."""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy

SCHEMA = """
directive @cost(weight: Float, multipliers: [String!]) on FIELD_DEFINITION
"What can be asked for"
type Query {
  me: User @cost(weight: 2)
  user(id: ID!): User
  users(first: Int, last: Int, tags: [String!] = ["a"]): [User!]!
    @cost(weight: 1, multipliers: ["first", "last"])
  page(by: Page!): [User] @cost(multipliers: ["by.size"])
  few(first: Int = 3): [User] @cost(multipliers: ["first"])
  all: [User]
  search(text: String!, kind: Kind = ANY): [Found!]
}
type Mutation { rename(id: ID!, name: String!): User }
input Page { size: Int!, after: String, kind: Kind = ANY }
enum Kind { ANY BOOK }
scalar Date
interface Node { id: ID! }
type User implements Node {
  id: ID! name: String tags: [String] born: Date friend: User
  friends(first: Int): [User] @cost(multipliers: ["first"])
}
type Book implements Node { id: ID! title(long: Boolean = false): String }
type Other { x: Int }
union Found = User | Book
"""
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: NAME}
spec:
  address: http://127.0.0.1:${port}/NAME
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: POLICY}, MORE}]
---
"""


def api(name: str, policy: str, more: str) -> str:
    return API.replace("NAME", name).replace("POLICY", policy).replace("MORE", more)


WRITTEN = json.dumps(SCHEMA)
APIS = "".join(
    [
        api("intro", "introspection-control-flex", "config: {}"),
        api("typename", "introspection-control", "config: {blockTypename: true}"),
        api("limits", "operation-limits-flex",
            "config: {maxDepth: 3, maxAliases: 2, maxRootFields: 3, maxDirectives: 1}"),
        api("free", "operation-limits", "config: {}"),
        api("watched", "operation-limits", "mode: observe, config: {maxDepth: 1}"),
        api("some", "operation-limits", "config: {maxDepth: 1}, rules: [{methods: POST}]"),
        api("schema", "schema-validation-flex", f"config: {{schema: {WRITTEN}}}"),
        api("told", "schema-validation", f"config: {{schema: {WRITTEN}, blockOperation: false}}"),
        api("cost", "static-query-complexity-flex", f"config: {{maximumComplexity: 20, schema: {WRITTEN}}}"),
        api("loose", "static-query-complexity",
            f"config: {{maximumComplexity: 20, rejectUnboundedLists: false, schema: {WRITTEN}}}"),
    ]
).removesuffix("---\n")  # fmt: skip


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(APIS, tmp_path_factory.mktemp("gateway")) as running:
        yield running


def post(gateway: Gateway, name: str, query: str, variables: Any = None, **more: Any) -> tuple[int, str]:
    """Status, and what the answer says is wrong."""
    body = {"query": query, "variables": variables, **more}
    return sent(gateway, name, json.dumps(body))


def sent(
    gateway: Gateway, name: str, body: str, kind: str = "application/json", query: str = ""
) -> tuple[int, str]:
    answer = gateway.post(
        f"/{name}{query}", content=body.encode(), headers={"content-type": kind}, timeout=30
    )
    return answer.status_code, str(answer.json().get("error", ""))


OFFERED = [
    "{__schema{types{name}}}", "{a:__schema{types{name}}}", 'query Q{__type(name:"User"){name}}',
    "{...F} fragment F on Query{__schema{types{name}}}", "{...on Query{__schema{types{name}}}}",
    "query A{me{id}} query B{__schema{types{name}}}", "#c\n{\n__schema#c\n{types{name}}}",
    ",,{,__schema,{types{name}},}", "\ufeff{__schema{types{name}}}",
    'query($a:String="}"){__schema{types{name}}}',
    '{me(a:"""x\\""" }""" ){id} __schema{types{name}}}',
]  # fmt: skip


@pytest.mark.parametrize("query", OFFERED)
def test_introspection_is_refused(gateway: Gateway, query: str) -> None:
    assert post(gateway, "intro", query) == (403, "Introspection is not allowed.")


def test_what_is_no_introspection_passes(gateway: Gateway) -> None:
    for query in ('{me(a:"__schema"){id}}', "{me{__typename}}", "{me{x__schema}}", "#__schema\n{me{id}}"):
        assert post(gateway, "intro", query)[0] == 200, query
    assert post(gateway, "typename", "{me{__typename}}")[0] == 403


@pytest.mark.parametrize("dress", ["get", "batch", "graphql", "form"])
def test_documents_are_found_in_every_dress(gateway: Gateway, dress: str) -> None:
    good, bad = "{me{id}}", "{__schema{types{name}}}"

    def status(query: str) -> int:
        match dress:
            case "get":
                return gateway.get(f"/intro?a=1&query={quote(query)}").status_code
            case "batch":
                return sent(gateway, "intro", json.dumps([{"query": good}, {"query": query}]))[0]
            case "graphql":
                return sent(gateway, "intro", query, "application/graphql")[0]
            case "form":
                return sent(gateway, "intro", f"query={quote(query)}", "application/x-www-form-urlencoded")[0]
        raise AssertionError(dress)

    assert (status(good), status(bad)) == (200, 403)


@pytest.mark.parametrize(
    "query",
    [
        "", "{", "}", "{}", "{me", "{me{}}", "me", "{me(}", "{me(a:)}", "{me(a:1 a:2)}", '{me(a:"x}',
        '{me(a:"""x"}',
        "{me(a:01)}", "{me(a:1x)}", "{me @}", "{...}", "{...F}", "fragment F on A{a}",
        "{...F} fragment F on Query{...F}",
        "{...F} fragment F on Q{...G} fragment G on Q{a{...F}}", "{a} fragment F on Q{...F}",
        "{a} fragment F on Q{a} fragment F on Q{b}",
        "{a ?}", "query($a:){a}", "{a} {", "type A{a:Int}", "{a\x00}", "{" + "a{" * 150 + "b" + "}" * 151,
        "{" + "a " * 11_000 + "}", "{a(b:" + "[" * 150 + "]" * 150 + ")}",
        "query($a:" + "[" * 150 + "A" + "]" * 150 + "){a}",
    ],
)  # fmt: skip
def test_what_is_no_document_is_refused(gateway: Gateway, query: str) -> None:
    assert post(gateway, "free", query) == (400, "The request is no GraphQL that is accepted.")


def test_what_cannot_be_looked_at_is_refused(gateway: Gateway) -> None:
    assert sent(gateway, "free", "{}")[0] == 400
    assert sent(gateway, "free", "[]")[0] == 200
    assert sent(gateway, "free", '{"query": 1}')[0] == 400
    assert sent(gateway, "free", '{"query": "{a}", "query": "{b}"}')[0] == 400
    assert sent(gateway, "free", json.dumps([{"query": "{a}"}] * 51))[0] == 400
    assert sent(gateway, "free", "x", "multipart/form-data; boundary=x")[0] == 400
    assert gateway.get("/free?query={a}&query={b}").status_code == 400
    assert gateway.get("/free?extensions={}").status_code == 400
    assert gateway.get("/free?documentId=a&operationName=b").status_code == 400
    assert gateway.get("/free?query={a}&DOC_ID=b").status_code == 400
    assert sent(gateway, "free", '{"query": "{a}", "documentId": "b"}')[0] == 400
    assert sent(gateway, "free", "query={a}&doc_id=b", "application/x-www-form-urlencoded")[0] == 400
    assert gateway.get("/free").status_code == 200
    assert gateway.get(
        "/free?query={a}", headers={"upgrade": "websocket", "connection": "upgrade"}
    ).status_code in (400, 403)


def test_limits_hold_through_fragments_and_batches(gateway: Gateway) -> None:
    too_much = "The request asks for too much at once: "
    spread = "{...F} fragment F on Q{a{b{c{d}}}}"

    assert post(gateway, "limits", "{a{b{c}}}")[0] == 200
    assert post(gateway, "limits", "{a{b{c{d}}}}") == (400, f"{too_much}depth: 4, above 3")
    assert post(gateway, "limits", spread) == (400, f"{too_much}depth: 4, above 3")
    assert post(gateway, "limits", "{a:x b:x}")[0] == 200
    assert post(gateway, "limits", "{...F ...F} fragment F on Q{a:x b:x}") == (
        400,
        f"{too_much}aliases: 4, above 2",
    )
    assert post(gateway, "limits", "{a b c d}") == (400, f"{too_much}fields: 4, above 3")
    assert post(gateway, "limits", "{...on Q{a b c d}}") == (400, f"{too_much}fields: 4, above 3")
    assert post(gateway, "limits", "query @x {a @y}") == (400, f"{too_much}directives: 2, above 1")
    assert post(gateway, "limits", "query A{a b c} query B{a b c}")[0] == 200
    assert sent(gateway, "limits", json.dumps([{"query": "{a b}"}] * 2))[1] == f"{too_much}fields: 4, above 3"
    assert post(gateway, "some", "{a{b}}")[0] == 400
    assert gateway.get("/some?query={a{b}}").status_code == 200


def test_fragments_that_multiply_cost_no_time(gateway: Gateway) -> None:
    """Ten times each, forty levels."""
    fragments = " ".join(f"fragment F{at} on Q{{{f'...F{at + 1} ' * 10}}}" for at in range(40))
    query = "{...F0} " + fragments + " fragment F40 on Q{a:b}"

    began = processor_seconds(gateway)
    status, words = post(gateway, "limits", query)

    assert status == 400
    assert "above" in words
    assert processor_seconds(gateway) - began < 5


FITTING = [
    ("{me{id name friend{id}}}", None),
    ("query($i:ID!){user(id:$i){id}}", {"i": "7"}),
    ('{user(id:"1"){...on Node{id} ...F}} fragment F on User{name @include(if:true)}', None),
    ("{search(text:\"x\",kind:BOOK){__typename ...on Book{title(long:true)}}}", None),
    ("mutation M($n:String!){rename(id:1,name:$n){id}}", {"n": "x"}),
    ("query($p:Page!){page(by:$p){id}}", {"p": {"size": 3, "kind": "BOOK"}}),
    ("{page(by:{size:3,after:null}){id}}", None),
    ("query($n:Int=3){users(first:$n){id}}", {}),
    ('{users(tags:"a"){id} b:users(tags:["a"]){id}}', None),
    ("{__schema{types{name}}}", None),
    ("{all{born}}", None),
]  # fmt: skip
UNFIT = [
    ("{nobody}", None, "Query has no field nobody"),
    ("{me}", None, "fields of Query.me are wanted"),
    ("{me{name{x}}}", None, "User.name has no fields"),
    ("{user{id}}", None, "the argument id of Query.user is missing"),
    ("{me(x:1){id}}", None, "Query.me has no argument x"),
    ("{users(first:\"1\"){id}}", None, "the argument first of Query.users does not fit"),
    ("{users(first:3000000000){id}}", None, "the argument first of Query.users does not fit"),
    ("{search(text:\"x\",kind:FILM){__typename}}", None, "the argument kind of Query.search does not fit"),
    ("{page(by:{after:\"x\"}){id}}", None, "the field size of an input is missing"),
    ("{page(by:{size:1,x:2}){id}}", None, "an input has no field x"),
    ("query($i:Int){user(id:$i){id}}", {}, "the argument id of Query.user does not fit"),
    ("{user(id:$i){id}}", {}, "the variable $i is not described"),
    ("query($i:ID!){user(id:$i){id}}", {}, "the variable $i is missing"),
    ("query($i:ID!){user(id:$i){id}}", {"i": [1]}, "the variable $i does not fit"),
    ("query($p:Page!){page(by:$p){id}}", {"p": {"size": "x"}}, "the field size of an input does not fit"),
    ("query($x:User){me{id}}", {}, "the variable $x has a type that none can have"),
    ("{me{...on Book{id}}}", None, "User is never Book"),
    ("{me{...on Ghost{id}}}", None, "there is no type Ghost with fields"),
    ("{me{...F}} fragment F on Other{x}", None, "User is never Other"),
    ("{me{id @ghost}}", None, "there is no directive @ghost"),
    ("{me{id @skip}}", None, "the argument if of @skip is missing"),
    ("subscription{me{id}}", None, "there is no subscription"),
    ("{me{__schema{types{name}}}}", None, "User has no field __schema"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "variables"), FITTING)
def test_what_the_schema_describes_passes(gateway: Gateway, query: str, variables: Any) -> None:
    assert post(gateway, "schema", query, variables) == (200, "")


@pytest.mark.parametrize(("query", "variables", "words"), UNFIT)
def test_what_the_schema_does_not_describe_is_refused(
    gateway: Gateway, query: str, variables: Any, words: str
) -> None:
    assert post(gateway, "schema", query, variables) == (400, f"The request does not fit the schema: {words}")


COSTS = [
    ("{me{id}}", None, 200, ""),
    ("{users(first:9){id}}", None, 200, ""),
    ("{users(first:10){id name}}", None, 400, "complexity: 30, above 20"),
    ("{users(first:5,last:5){id name}}", None, 400, "complexity: 30, above 20"),
    ("query($n:Int){users(first:$n){id}}", {"n": 11}, 400, "complexity: 22, above 20"),
    ("query($n:Int=11){users(first:$n){id}}", None, 400, "complexity: 22, above 20"),
    ("query($n:Int=11){users(first:$n){id}}", {"n": 2}, 200, ""),
    ("{page(by:{size:11}){id}}", None, 400, "complexity: 22, above 20"),
    ("query($p:Page!){page(by:$p){id}}", {"p": {"size": 11}}, 400, "complexity: 22, above 20"),
    ("{few{id}}", None, 200, ""),
    ("{few{id a:id b:id c:id d:id e:id}}", None, 400, "complexity: 21, above 20"),
    ("{users(first:3){friends(first:3){id}}}", None, 400, "complexity: 21, above 20"),
    ("{...F ...F} fragment F on Query{users(first:6){id}}", None, 400, "complexity: 24, above 20"),
    ("{all{id}}", None, 400, "unbounded: nothing tells how long the list Query.all is"),
    ("{users{id}}", None, 400, "unbounded: nothing tells how long the list Query.users is"),
    ("{users(first:-1){id}}", None, 400, "unbounded: nothing tells how long the list Query.users is"),
    ("{ghost}", None, 400, "field: Query has no field ghost"),
    ("query A{me{id}} query B{users(first:11){id}}", None, 400, "complexity: 22, above 20"),
]


@pytest.mark.parametrize(("query", "variables", "status", "words"), COSTS)
def test_complexity_is_told_beforehand(
    gateway: Gateway, query: str, variables: Any, status: int, words: str
) -> None:
    expected = f"The request is too complex: {words}" if words else ""

    assert post(gateway, "cost", query, variables) == (status, expected)


def test_batches_add_up_and_lists_may_be_endless(gateway: Gateway) -> None:
    assert sent(gateway, "cost", json.dumps([{"query": "{users(first:9){id}}"}] * 2))[0] == 400
    assert post(gateway, "loose", "{all{id}}")[0] == 200
    assert post(gateway, "loose", '{users(first:"9"){id}}')[0] == 200
    assert post(gateway, "loose", '{users(first:"11"){id}}')[0] == 400
    assert post(gateway, "loose", MANY, {"n": "11"})[0] == 400
    assert post(gateway, "loose", MANY, {"n": "eleven"})[0] == 200


MANY = "query($n:Int=1){users(first:$n){id}}"


def test_variables_count_as_servers_take_them(gateway: Gateway) -> None:
    """Some take those of the URL for a document of the body, or the other way round, or a text of JSON."""
    ten, many = json.dumps({"query": MANY}), quote('{"n":11}')
    accepted = "The request is no GraphQL that is accepted."

    assert sent(gateway, "cost", ten)[0] == 200
    assert sent(gateway, "cost", ten, query=f"?variables={many}") == (400, accepted)
    assert sent(gateway, "cost", json.dumps({"variables": {"n": 11}, "query": "{me{id}}"}),
                query=f"?query={quote(MANY)}") == (400, accepted)  # fmt: skip
    assert post(gateway, "cost", MANY, '{"n": 11}') == (
        400,
        "The request is too complex: complexity: 22, above 20",
    )
    assert [post(gateway, "cost", MANY, one)[0] for one in ("{", [11], 11, "[11]")] == [400] * 4
    assert [post(gateway, "cost", MANY, one)[0] for one in ("", None, {}, "null")] == [200] * 4


def test_a_body_of_several_types_is_refused(gateway: Gateway) -> None:
    """What is read last may count: here a form within JSON."""
    body = json.dumps({"query": "{me{id}}", "x": "&query={__schema{types{name}}}&"})

    assert sent(gateway, "intro", body, "application/json, application/x-www-form-urlencoded")[0] == 400


@pytest.mark.parametrize("name", ["schema", "cost"])
def test_operations_that_spread_one_large_fragment_cost_little(gateway: Gateway, name: str) -> None:
    """Each is judged by itself: without a bound fragments are gone through a thousand times."""
    operations = " ".join(f"query A{at}{{...F}}" for at in range(800))
    query = f"{operations} fragment F on Query{{{'__typename ' * 5000}}}"

    best = float("inf")
    for _ in range(4):
        began = processor_seconds(gateway)
        status, words = post(gateway, name, query)
        best = min(best, processor_seconds(gateway) - began)
        assert (status, words.rpartition(": ")[2]) == (400, "judging the request takes too long")
        if best < 0.3:
            break

    assert best < 0.3


def test_the_documents_of_a_batch_are_bounded_together(gateway: Gateway) -> None:
    batch = [{"query": "{" + "a " * 9000 + "}"}]

    assert sent(gateway, "free", json.dumps(batch * 2))[0] == 200
    assert sent(gateway, "free", json.dumps(batch * 3))[0] == 400


def test_what_only_observes_refuses_nothing(tmp_path: Path) -> None:
    with running_gateway(APIS, tmp_path) as gateway:
        assert [post(gateway, name, "{a{b}}")[0] for name in ("watched", "told")] == [200, 200]

        assert gateway.reasons(2) == [["depth: 2, above 1"], ["schema: Query has no field a"]]


@pytest.mark.parametrize(
    "query",
    [
        "{" * 300_000, "{a" * 100_000, "#" * 900_000, '{a(b:"' + "\\n" * 400_000 + '")}',
        '{a(b:"""' + '""' * 100_000,
        "{a(b:[" + "1 " * 200_000, "{a(b:" + "$a" * 100_000, "@a" * 200_000, "..." * 200_000,
        "1" * 900_000, "{a(b:" + "1." * 100_000,
    ],
    ids=range(11),
)  # fmt: skip
def test_no_document_costs_much_time(gateway: Gateway, query: str) -> None:
    """Of the gateway's processor alone, and the best of several tries: a busy machine fails nothing."""
    best = float("inf")
    for _ in range(4):
        began = processor_seconds(gateway)
        assert sent(gateway, "free", query, "application/graphql")[0] in (200, 400)
        best = min(best, processor_seconds(gateway) - began)
        if best < 0.3:
            break

    assert best < 0.3


def processor_seconds(gateway: Gateway) -> float:
    """What its Envoy has had so far."""
    fields = Path(f"/proc/{gateway.envoy.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_pieces_of_documents_never_end_in_an_error_of_ours(gateway: Gateway) -> None:
    draw = random.Random(2021)
    pieces = [
        "{", "}", "(", ")", "[", "]", ":", "$", "@", "!",
        "...", "on", "a", "b", "F", "fragment", "query", "1", '"x"', "=", "|",
    ]  # fmt: skip
    for name in ("free", "schema", "cost"):
        for _ in range(120):
            query = "{me{" + " ".join(draw.choices(pieces, k=draw.randint(1, 12))) + "}}"
            assert post(gateway, name, query)[0] in (200, 400), query
