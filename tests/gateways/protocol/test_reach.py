"""Rules that are for no request, or for others than it seems, are warned about where they are written."""

import itertools
from typing import Any

import pytest

from gateways.protocol import reach, regex
from gateways.protocol.groups import glued
from tests.gateways.agent.translate.test_guards import (
    BASIC,
    KEY,
    NAMED,
    api,
    bound,
    document,
    inline,
    translated,
)


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("/orders/{id}", "/orders/[^/]+"),
        ("/{a}/x/{b-2}.json", "/[^/]+/x/[^/]+.json"),
        ("/orders/[0-9]{3}", "/orders/[0-9]{3}"),
        ("/a{2,3}", "/a{2,3}"),
        (r"/\p{Greek}+/\P{L}", r"/\p{Greek}+/\P{L}"),
        (r"/\{id}", r"/\{id}"),
        ("/[{id}]", "/[{id}]"),
        (r"/\Q{id}\E", r"/\Q{id}\E"),
        (r"/\x{41}", r"/\x{41}"),
    ],
)
def test_braces_with_a_name_are_one_segment(expression: str, taken: str) -> None:
    assert regex.templated(expression) == taken


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("/a//b", "/a/b"),
        (r"//a/\///{id}", r"/a/[^/]+"),
        ("/a//+b", "/a/+b"),
        ("/a//*b", "/a//*b"),
        ("/a//{2}b", "/a//{2}b"),
        ("/a[/]/b", "/a[/]/b"),
    ],
)
def test_several_slashes_are_one(expression: str, taken: str) -> None:
    assert regex.as_taken(expression) == taken


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/orders/{id}", "is taken as /orders/[^/]+"),
        (
            "/orders/<int:id>/lines/<line>",
            "angle brackets, which stands for itself; write /orders/[^/]+/lines/[^/]+",
        ),
        ("/shop/orders", "write /orders"),
        ("^/shop", "write /"),
        (r"/sh\op/x", ""),
        ("/shopping/x", ""),
        ("/(shop)/x", ""),
        ("orders/.*", "write /orders/.*"),
        ("a|/b", ""),
        (".*", ""),
        ("(/a|/b)", ""),
        (r"/orders\?id=.*", "end it before the ?"),
        ("/orders?id=1", "end it before the ?"),
        ("/orders?", ""),
        ("/orders/*", "write /orders/.*"),
        ("/orders/[^/]*", ""),
        ("/admin/.*", ""),
        ("/orders*", "write /orders.*"),
        ("/(orders*|x)", "write /(orders.*|x)"),
        (r"/\d*", ""),
        (r"/\pN*", ""),
        ("/[a-z]*", ""),
        ("/[a*]", ""),
        ("/orders/:id", "write /orders/[^/]+"),
        ("/users/:id/orders", "write /users/[^/]+/orders"),
        ("/operations/1:cancel", ""),
        ("/[/:a]", ""),
        ("/orders/{id:[0-9]+}", "has a brace"),
        ("/{proxy+}", "has a brace"),
        (r"/\{id:x\}", ""),
        ("https://api.example.com/shop/orders", "write /orders"),
        (r"http:\/\/localhost:8081\/x", "write /x"),
        ("/a//b", "two slashes"),
    ],
)
def test_a_path_that_is_not_what_it_looks_like(path: str, words: str) -> None:
    found = list(reach.path_advice(path, "/shop"))

    assert len(found) == (1 if words else 0), found
    assert words in "".join(found)


@pytest.mark.parametrize(
    ("methods", "is_sound"),
    [("GET", True), ("get|POST", True), (".*", True), ("P.*", True), ("GET,POST", False), ("GTE", False)],
)
def test_methods_that_nobody_uses(methods: str, is_sound: bool) -> None:
    assert (list(reach.methods_advice(methods)) == []) is is_sound


def warned(*documents: dict[str, Any]) -> list[str]:
    translation = translated(*documents)
    assert translation.refused == {}
    return [f"{one.field}: {one.message}" for one in translation.faults if one.is_warning]


def routed(*rules: list[dict[str, str]]) -> dict[str, Any]:
    services = {f"s{at}": {"address": "http://b", "routes": [{"rules": one}]} for at, one in enumerate(rules)}
    return document("ApiInstance", "a", {"address": "http://0.0.0.0:8081/shop", "services": services})


def test_conditions_and_routes_are_warned_about_at_their_place() -> None:
    basic = bound("b", NAMED, "http-basic-authentication", BASIC, rules=[{}, {"path": "/shop/x"}])
    local = inline("http-basic-authentication", BASIC, rules=[{"methods": "GET POST"}])
    given = routed([{"path": "/orders/{id}"}])
    given["spec"]["policies"] = [local]

    found = warned(given, basic)

    assert [one.split(":")[0] for one in found] == [
        "spec.services.s0.routes[0].rules[0].path",
        "spec.policies[0].rules[0].methods",
        "spec.rules[1].path",
    ]


@pytest.mark.parametrize(
    ("rules", "never"),
    [
        ([[{"path": "/.*"}], [{"path": "/x"}]], [1]),
        ([[{}], [{"path": "/x", "methods": "GET"}], []], [1, 2]),
        ([[{"path": "/x"}], [{"path": "/x", "methods": "GET"}], [{"path": "/.*"}]], [1]),
        ([[{"path": "/x", "methods": "GET"}], [{"path": "/x"}]], []),
        ([[{"path": "/x"}], [{"path": "/x"}, {"path": "/y"}]], []),
        ([[{"headers": {"a": "1"}}], [{"headers": {"a": "1", "b": "2"}}]], [1]),
    ],
)
def test_a_route_that_gets_no_request_is_warned_about(rules: list[Any], never: list[int]) -> None:
    found = [one for one in warned(routed(*rules)) if "gets no request" in one]

    assert [int(one.split("services.s")[1][0]) for one in found] == never


@pytest.mark.parametrize(
    ("policy", "config", "warning"),
    [
        ("rate-limiting", {"keySelector": "client_id"}, "spec.policies[0].config.keySelector: is one text"),
        (
            "rate-limiting",
            {"keySelector": "#[attributes.headers['client_id']]"},
            "config.keySelector: attributes.headers['client_id'] is whatever the caller says",
        ),
        ("rate-limiting", {"keySelector": "#[attributes.remoteAddress]"}, ""),
        ("rate-limiting", {"keySelector": "#[attributes.headers['x-forwarded-for']]"}, ""),
        ("rate-limiting", {"keySelector": "#[attributes.requestPath]"}, ""),
        (
            "ip-allowlist",
            {"ips": ["10.0.0.0/8"], "ipExpression": "#[attributes.headers['x-real-ip']]"},
            "config.ipExpression: attributes.headers['x-real-ip'] is whatever the caller says",
        ),
        (
            "ip-blocklist",
            {
                "ips": ["10.0.0.0/8"],
                "ipExpression": "#[attributes.queryParams.ip default attributes.remoteAddress]",
            },
            "config.ipExpression: attributes.queryParams['ip'] is whatever",
        ),
        ("ip-allowlist", {"ips": ["10.0.0.0/8"]}, ""),
        (
            "header-injection",
            {"inboundHeaders": [{"key": "x-a", "value": "Bearer #[attributes.method]"}]},
            "inboundHeaders.0.value: is taken as it is, #[ and all; write #['Bearer ' ++ attributes.method]",
        ),
        (
            "header-injection",
            {"inboundHeaders": [{"key": "x-a", "value": "attributes.method"}]},
            "is a text; write #[attributes.method]",
        ),
        ("header-injection", {"inboundHeaders": [{"key": "x-a", "value": "attributes of ours"}]}, ""),
    ],
)
def test_values_that_are_meant_otherwise_are_warned_about(
    policy: str, config: dict[str, Any], warning: str
) -> None:
    limits = {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 1}]}

    found = warned(api("http", inline(policy, {**(limits if policy == "rate-limiting" else {}), **config})))

    assert len(found) == (1 if warning else 0), found
    assert warning in "".join(found)


def test_an_address_that_is_a_text_is_refused() -> None:
    config = {"ips": ["10.0.0.0/8"], "ipExpression": "x-real-ip"}

    reason = translated(api("http", inline("ip-allowlist", config))).refused[KEY]

    assert "is the same text for each request; write an expression" in reason


@pytest.mark.parametrize(
    ("path", "destination", "clearer"),
    [
        ("/v1/(.*)", "/orders", "/v1(/.*)"),
        ("^/v1/(.*)$", "/orders", "^/v1(/.*)$"),
        ("/v1/(?P<rest>.*)", "/orders", "/v1(?P<rest>/.*)"),
        ("/v1/(a|b)", "/orders", "/v1(/(?:a|b))"),
        ("/a/(.*)/b/(.*)", "/x/", "/a/(.*)/b(/.*)"),
        ("/a/(.*)/b/(.*)", "/x", "/a(/.*)/b(/.*)"),
        ("/a(/.*)/b/(.*)", "", "/a(/.*)/b(/.*)"),
        ("/v1/(.*)", "/orders/", None),
        ("/v1/(.*)", "", None),
        ("/v1(/.*)", "/orders", None),
        ("/v3(.*)", "/x", None),
        ("/foo(/.*)/bar(/.*)", "/orders", None),
        ("/files/(.*)-(.*)", "/x/", None),
        ("/v1/[(](.*)", "/x", None),
        (r"/v1\/(.*)", "/x", None),
        ("/v1/.*", "/x", None),
        ("/v1(/.*)?", "/x", None),
        ("/v1/(.*)?", "/x", "/v1(/.*)?"),
        ("/v1/(a){1,2}?/b/(.*)", "/x/", "/v1/(a){1,2}?/b(/.*)"),
        ("/(?:a|b)/(.*)", "/x", "/(?:a|b)(/.*)"),
        ("/x(?:/(.*))?", "/x", None),
    ],
)
def test_a_slash_that_is_lost_before_a_group_is_noticed(
    path: str, destination: str, clearer: str | None
) -> None:
    assert glued(path, destination) == clearer


def test_a_group_that_is_joined_to_the_destination_is_warned_about_at_its_rule() -> None:
    given = routed([{"path": "/v1/(.*)"}])
    given["spec"]["services"]["s0"]["routes"][0]["config"] = {"destinationPath": "/orders"}

    (found,) = warned(given)

    assert found.startswith("spec.services.s0.routes[0].rules[0].path: loses the slash before a group")
    assert found.endswith("write /v1(/.*)")


def test_of_whatever_expression_the_advice_is_sound() -> None:
    pieces = ["/", "a", "(.*)", "(/.*)", "(?:a|b)", "(?P<n>x)", "?", "*", "{1,2}", "|", "[(]", r"\(", "(?i)"]
    expressions = ("".join(one) for length in range(1, 5) for one in itertools.product(pieces, repeat=length))
    advised = 0

    for expression in filter(is_regex, expressions):
        for destination in ("", "/x", "/x/"):
            if (clearer := glued(expression, destination)) is not None:
                assert is_regex(clearer), expression
                assert glued(clearer, destination) is None, expression
                advised += 1

    assert advised > 100


def is_regex(expression: str) -> bool:
    try:
        regex.check(expression)
    except regex.BadRegex:
        return False
    return True
