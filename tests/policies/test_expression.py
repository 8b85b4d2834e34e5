"""The expression language: what it refuses, and what its Lua answers inside a real Envoy."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.expression import lua
from policies.expression.context import REQUEST, RESPONSE, SCRIPT
from policies.expression.parser import ExpressionError
from policies.fields.expressions import Expression, RequestExpression
from policies.scripting.script import script
from tests.policies.envoy import Envoy, running_envoy

REQUEST_CASES = [
    ("plain text", "plain text"),
    ("text with #[1] inside", "text with #[1] inside"),
    ("#['single \\'quoted\\'']", "single 'quoted'"),
    ('#["tab\\t \\u00e9 \\$(x)"]', "tab\t é $(x)"),
    ("#['\\\\ \" ]] --[[ \\n ; os.exit()']", '\\ " ]] --[[ \n ; os.exit()'),
    ("#['\\u0000nul \\ud83d\\ude00']", "\0nul 😀"),
    ("#[1.5]", 1.5),
    ("#[true]", True),
    ("#['a' ++ 'b' ++ 1]", "ab1"),
    ("#[[1, 2] ++ [3]]", [1, 2, 3]),
    ("#[upper('abc') ++ lower('DEF') ++ trim('  x ')]", "ABCdefx"),
    ("#[trim(' \\t\\n ') ++ '|' ++ trim('') ++ trim('x') ++ trim(' x  y ') ++ trim('z ')]", "|xx  yz"),
    ("#[trim(attributes.headers['absent'])]", None),
    ("#[upper(attributes.headers['absent'])]", None),
    ("#['abc' contains 'b']", True),
    ("#[contains('a.c', 'a%a')]", False),
    ("#[['x', 'y'] contains 'y']", True),
    ("#[contains(attributes.headers['absent'], 'a')]", False),
    ("#['a,b,,c' splitBy ',']", ["a", "b", "", "c"]),
    ("#[('a,b' splitBy ',')[1]]", "b"),
    ("#[sizeOf('añb')]", 3),
    ("#[sizeOf([1, attributes.headers['absent'], 3])]", 3),
    ("#[sizeOf(attributes.headers['absent'])]", 0),
    ("#['a/b/c' substringAfter '/']", "b/c"),
    ("#['a/b/c' substringAfterLast '/']", "c"),
    ("#['a/b/c' substringBefore '/']", "a"),
    ("#['a/b/c' substringBeforeLast '/']", "a/b"),
    ("#['abc' substringAfter '/']", ""),
    ("#['abc' substringBefore '/']", "abc"),
    ("#[if (1 == 1) 'yes' else 'no']", "yes"),
    ("#[if (attributes.method == 'POST') 'write' else if (false) 'x' else 'read']", "read"),
    ("#[true and (false or true) and not false]", True),
    ("#[1 == '1']", False),
    ("#[1 != 2]", True),
    ("#[2 >= 2 and 1 <= 2 and 'b' > 'a' and 1 < '2']", True),
    ("#[1 + 2 * 3 - 4 / 2]", 5),
    ("#[-2 + 1]", -1),
    ("#[[10, 20, 30][-1]]", 30),
    ("#[[10][5]]", None),
    ("#['abc'[0]]", "a"),
    ("#['añ€'[1] ++ 'añ€'[-1]]", "ñ€"),
    ("#['añ€'[3] default 'añ€'[-4]]", None),
    ("#[('a,b' splitBy ',') == ['a', 'b'] and [1] != ['1'] and [1] != [1, 2]]", True),
    ("#[[['a'], 'b'] contains ['a']]", True),
    ("#[attributes.headers['absent'] default 'none']", "none"),
    ("#[attributes.headers.absent.deeper]", None),
    ("#[attributes.headers['x-one'] default 'none']", "1"),
    ("#[attributes.headers['X-One']]", "1"),
    ("#[attributes['headers']['x-one']]", "1"),
    ("#[attributes.headers['x-' ++ 'one']]", "1"),
    ("#[attributes.headers.host contains '127.0.0.1']", True),
    ("#[attributes.method]", "GET"),
    ("#[attributes.scheme]", "http"),
    ("#[attributes.version]", "HTTP/1.1"),
    ("#[attributes.requestUri substringAfterLast '/']", "path?a=1&b=x%20y+z&b=2&%63=3&flag"),
    ("#[attributes.requestPath substringAfterLast '/']", "path"),
    ("#[attributes.queryString]", "a=1&b=x%20y+z&b=2&%63=3&flag"),
    ("#[attributes.queryParams.b]", "x y z"),
    ("#[attributes.queryParams['c'] ++ attributes.queryParams.flag]", "3"),
    ("#[attributes.queryParams.absent]", None),
    ("#[attributes.remoteAddress]", "127.0.0.1"),
    ("#[attributes.localAddress]", "127.0.0.1"),
    ("#[authentication.principal]", "ada"),
    ("#[authentication.properties.claims.groups[1]]", "ops"),
    ("#[authentication.clientId]", None),
    ("#[vars.claimSet['client-id']]", "c1"),
    ("#[vars.absent.deeper]", None),
    ("#[if (sizeOf(uuid()) == 36 and uuid() != uuid()) uuid()[14] else '']", "4"),
    ("#[attributes.headers['absent'] ++ 'x']", "error: ++ does not take Null, String"),
    ("#[attributes.headers['absent'] and true]", "error: a condition does not take Null"),
    ("#[1 / 0]", "error: division by zero"),
    ("#[lower([1])]", "error: lower does not take Array"),
    ("#['a' < 1]", "error: < does not take String, Number"),
]
RESPONSE_CASES = [
    ("#[attributes.statusCode == 200]", True),
    ("#[attributes.headers['x-backend']]", "backend"),
]

SHOW = """
local function shown(value)
  if value == nil then return "null" end
  if type(value) ~= "table" then
    return type(value) == "string" and '"' .. value:gsub('[%c"\\\\]', function(c)
      return ("\\\\u%04x"):format(c:byte())
    end) .. '"' or tostring(value)
  end
  local items = {}
  for i = 1, dw.sizeOf(value) do items[i] = shown(value[i]) end
  return "[" .. table.concat(items, ",") .. "]"
end
local function evaluated(handle)
  local ok, value = pcall(settings.value, handle)
  return shown(not ok and "error: " .. value or value)
end
"""
ON_REQUEST = 'function envoy_on_request(handle) handle:respond({[":status"] = "200"}, evaluated(handle)) end'
ON_RESPONSE = 'function envoy_on_response(handle) handle:headers():add("x-value", evaluated(handle)) end'

METADATA = Filter(
    "metadata",
    {
        "@type": TYPE_URL + "envoy.extensions.filters.http.set_metadata.v3.Config",
        "metadata": [
            {
                "metadata_namespace": "gatewright",
                "value": {
                    "authentication": {
                        "principal": "ada",
                        "properties": {"claims": {"groups": ["dev", "ops"]}},
                    },
                    "vars": {"claimSet": {"client-id": "c1"}},
                },
            }
        ],
    },
)


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("expression")
    chains = {f"request-{i}": [_chain(text, folder, ON_REQUEST)] for i, (text, _) in enumerate(REQUEST_CASES)}
    for i, (text, _) in enumerate(RESPONSE_CASES):
        chains[f"response-{i}"] = [_chain(text, folder, ON_RESPONSE)]
    with running_envoy(chains, folder) as running:
        yield running


def _chain(text: str, folder: Path, handler: str) -> Compiled:
    file = folder / f"show-{'request' if handler is ON_REQUEST else 'response'}.lua"
    file.write_text(SHOW + handler)
    context = REQUEST if handler is ON_REQUEST else RESPONSE
    settings: dict[str, lua.Value] = {"value": Expression.read(text, context).lua}
    scope = Scope("test/show", "test/api", "", folder)
    return Compiled((METADATA, script(scope, "show", [file], settings, evaluates=True)))


@pytest.mark.envoy
@pytest.mark.parametrize(("i", "text", "value"), [(i, *case) for i, case in enumerate(REQUEST_CASES)])
def test_request_expression_means(envoy: Envoy, i: int, text: str, value: object) -> None:
    answer = envoy.get(f"/request-{i}/path?a=1&b=x%20y+z&b=2&%63=3&flag", {"x-one": "1"})

    assert json.loads(answer.body) == value


@pytest.mark.envoy
def test_headers_of_one_name_are_joined(envoy: Envoy) -> None:
    """So a policy never decides by one of them while the upstream takes another for the caller's word."""
    case = [text for text, _ in REQUEST_CASES].index("#[attributes.headers['X-One']]")
    connection = envoy.connect()
    connection.putrequest("GET", f"/request-{case}")
    for value in ("1", "2"):
        connection.putheader("X-One", value)
    connection.endheaders()

    assert json.loads(connection.getresponse().read()) == "1,2"


@pytest.mark.envoy
@pytest.mark.parametrize(("i", "text", "value"), [(i, *case) for i, case in enumerate(RESPONSE_CASES)])
def test_response_expression_means(envoy: Envoy, i: int, text: str, value: object) -> None:
    assert json.loads(envoy.get(f"/response-{i}").headers["x-value"]) == value


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("#[attributes.method", 1, 20, "has no end"),
        ("#[  ]", 1, 3, "is empty"),
        ("#['a]", 1, 3, "no closing '"),
        ("#[1 +]", 1, 6, "ends too early"),
        ("#[{a: 1}]", 1, 3, '"{" is not part of'),
        ("#[1 1]", 1, 5, '"1" is not expected'),
        ("#[foo]", 1, 3, '"foo" is not a variable'),
        ("#[attributes.headers.x-tenant]", 1, 24, "['x-name']"),
        ("#[attributes.metod]", 1, 14, 'did you mean "method"?'),
        ("#[\n attributes.method ==\n  attributes.nope]", 3, 14, "one of headers"),
        ("#[attributes]", 1, 3, "followed by a member"),
        ("#[attributes.headers]", 1, 3, "followed by a key"),
        ("#[attributes.statusCode]", 1, 14, "of a request"),
        ("#[authentication.name]", 1, 18, "clientName"),
        ("#[payload.id]", 1, 3, "payload cannot be read"),
        ("#[null]", 1, 3, "null cannot be written"),
        ("#[lowr('a')]", 1, 3, 'did you mean "lower"?'),
        ("#[lower('a', 'b')]", 1, 3, "takes 1 argument, not 2"),
        ("#['a' lower 'b']", 1, 7, '"lower" is not an infix function; one of contains, splitBy'),
        ("#[attributes.headers[0]]", 1, 3, "followed by a key"),
        ("#['$(payload)']", 1, 4, "join with ++"),
        ("#['a' ++ 'b' == 'ab']", 1, 10, "in parentheses"),
        ("#[not 'a' contains 'b']", 1, 3, "in parentheses"),
        ("#['a' ++ '\\ud83d']", 1, 10, "half of an escaped character"),
        ("a\ud83d", 1, 2, "half of a character"),
        ("#[1234567890123456]", 1, 3, "15 digits at most"),
        ("#[" + "(" * 2000 + "1" + ")" * 2000 + "]", 1, 3, "nested too deeply"),
        ("#['" + "a" * 4100 + "']", 1, 3, "has 4105 characters"),
    ],
)
def test_outside_the_subset_is_refused_with_its_position(
    text: str, line: int, column: int, reason: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression.read(text, REQUEST)

    assert reason in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)


def test_request_members_are_unknown_to_a_response() -> None:
    with pytest.raises(ExpressionError, match='no member "method" of a response'):
        Expression.read("#[attributes.method]", RESPONSE)


def test_field_error_carries_the_position() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(RequestExpression).validate_python("#[upper(]")

    (error,) = caught.value.errors()
    assert error["ctx"]["column"] == 9
    assert error["msg"].startswith("line 1, column 9: ")


def test_field_is_written_back_as_the_user_wrote_it() -> None:
    field = TypeAdapter(RequestExpression)

    expression = field.validate_python("#[ attributes.method ]")

    assert field.dump_python(expression) == "#[ attributes.method ]"
    assert field.json_schema() == {"type": "string", "format": "dataweave"}


@pytest.mark.parametrize(
    "text", ["#[{}]", "#[{a: 1, 'b c': {d: [payload.x]}}]", "#[if (true) {a: 1} else {b: 2}]"]
)
def test_a_script_may_make_objects_and_read_the_payload(text: str) -> None:
    assert Expression.read(text, SCRIPT).text == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [("#[{a: 1, a: 2}]", "given twice"), ("#[{a}]", "not expected"), ("#[{1: 2}]", "not expected")],
)
def test_objects_that_are_none_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason):
        Expression.read(text, SCRIPT)
