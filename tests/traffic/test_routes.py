"""The path table and the rules of routes, each row through a real Envoy."""

from uuid import uuid4

import pytest
import yaml

from tests.traffic.gateway import Gateway
from tests.traffic.raw import http1

pytestmark = pytest.mark.envoy

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


def api(base: str = "", rule: dict[str, object] | None = None, destination: str = "") -> str:
    """An inline API with one route."""
    route: dict[str, object] = {"config": {"destinationPath": destination}}
    if rule is not None:
        route["rules"] = [rule]
    return yaml.safe_dump(
        {
            "apiVersion": "gateway.mulesoft.com/v1alpha1",
            "kind": "ApiInstance",
            "metadata": {"name": "table"},
            "spec": {
                "address": "http://127.0.0.1:${port}" + base,
                "services": {"backend": {"address": "${upstream}", "routes": [route]}},
            },
        }
    )


def upstream_path(gateway: Gateway, request: str, **options: object) -> str | int:
    """What the upstream was asked for, or the gateway's own status."""
    answer = gateway.get(request, **options)
    return answer.json()["path"] if answer.status_code == 200 else answer.status_code


@pytest.mark.parametrize(
    ("base", "path", "destination", "request_path", "expected"),
    [
        # The table of Flex Gateway's documentation.
        ("", "/api/.*", "", "/api/foo/bar", "/api/foo/bar"),
        ("", "/api(/.*)", "", "/api/foo/bar", "/foo/bar"),
        ("", "/api/.*", "/orders", "/api/foo/bar", "/orders/api/foo/bar"),
        ("", "/api(/.*)", "/orders", "/api/foo/bar", "/orders/foo/bar"),
        ("/api", "/foo/.*", "", "/api/foo/bar", "/foo/bar"),
        ("/api", "/foo(/.*)", "", "/api/foo/bar", "/bar"),
        ("/api", "/foo/.*", "/orders", "/api/foo/bar", "/orders/foo/bar"),
        ("/api", "/foo(/.*)", "/orders", "/api/foo/bar", "/orders/bar"),
        ("/api", "/api/foo/.*", "", "/api/foo/bar", 404),
        ("/api", "/api/foo/.*", "/orders", "/api/foo/bar", 404),
        ("/api", "/foo(/.*)/bar(/.*)", "/orders", "/api/foo/abc/bar/def", "/orders/abc/def"),
        # Expressions match in full.
        ("/api", "/foo", "", "/api/foo/bar", 404),
        ("/api", "/foo|/bar", "", "/api/bar", "/bar"),
        ("/api", "foo.*|/bar", "", "/apifoo", 404),
        # The destination and the groups, nothing more.
        ("", "/v3(.*)", "/x", "/v3a", "/xa"),
        ("", "/v3(.*)", "/x", "/v3", "/x"),
        ("", "/v3(.*)", "/x", "/v3/", "/x/"),
        ("/api", "/v1(.*)", "/orders", "/api/v1/a", "/orders/a"),
        ("/api", "/v1/(.*)", "/orders", "/api/v1/a/b", "/ordersa/b"),
        ("/api", "/v1/(.*)", "/orders/", "/api/v1/a/b", "/orders/a/b"),
        ("/api", "/v1(/.*)?", "/orders", "/api/v1", "/orders"),
        ("/api", "/v1(/.*)?", "/orders/", "/api/v1", "/orders/"),
        ("/api", "/v1((?:/[a-z]+)+)", "", "/api/v1/a/b", "/a/b"),
        ("/api", "/v1(/a|/b)", "", "/api/v1/b", "/b"),
        # A group without a slash in front, and an empty one, still make a path.
        ("/api", "/v1/(.*)", "", "/api/v1/a/b", "/a/b"),
        ("/api", "/v1(.*)", "", "/api/v1a", "/a"),
        ("/api", "/v1(.*)", "", "/api/v1", "/"),
        ("/api", "/v1(/?.*)", "/x/", "/api/v1/a", "/x/a"),
        ("/api", "/v1(/.*)?", "", "/api/v1", "/"),
        ("/api", "/v1(/.*)?", "", "/api/v1/a", "/a"),
        ("/api", "/v1(/.*)?", "/orders", "/api/v1/a", "/orders/a"),
        ("", "/(?P<all>v1/.*)", "/x/", "/v1/a", "/x/v1/a"),
        # Slashes between destination and path are never doubled; the query goes on.
        ("/api", "/foo/.*", "/orders/", "/api/foo/bar", "/orders/foo/bar"),
        ("/api", "/foo(/.*)", "/", "/api/foo/bar?a=b%20c&d=/e", "/bar?a=b%20c&d=/e"),
        ("", ".*", "/orders", "/a?b=c", "/orders/a?b=c"),
        # The bare base path is "/" for rules and for the upstream.
        ("/api", "/", "/orders", "/api", "/orders"),
        ("/api", "/", "/orders", "/api/", "/orders/"),
        ("/api", "(/.*)", "/orders", "/api", "/orders"),
        ("/api", "(/.*)", "/orders/", "/api", "/orders/"),
        ("/api", "(/.{0,5})", "", "/api", "/"),
        ("/api", "/[a-z]*", "/orders", "/api?q=1", "/orders?q=1"),
        ("/a.b", "/x", "", "/aXb/x", 404),
    ],
)
def test_path_rule(
    gateway: Gateway, base: str, path: str, destination: str, request_path: str, expected: str | int
) -> None:
    gateway.apply(api(base, {"path": path}, destination))

    assert upstream_path(gateway, request_path) == expected


@pytest.mark.parametrize(
    ("base", "destination", "request_path", "expected"),
    [
        ("", "", "/", "/"),
        ("", "", "/a/b?c=d", "/a/b?c=d"),
        ("/", "/v1", "/a", "/v1/a"),
        ("/api", "", "/api", "/"),
        ("/api", "", "/api/", "/"),
        ("/api", "", "/api?q=1", "/?q=1"),
        ("/api/", "", "/api/a/", "/a/"),
        ("/api", "/v1", "/api", "/v1"),
        ("/api", "/v1", "/api?q=1", "/v1?q=1"),
        ("/api", "/v1", "/api/", "/v1/"),
        ("/api", "/v1/", "/api", "/v1/"),
        ("/api", "/", "/api", "/"),
        ("/api", "/v1/", "/api/a", "/v1/a"),
        ("/api", "", "/apis", 404),
        ("/api", "", "/", 404),
    ],
)
def test_catch_all(
    gateway: Gateway, base: str, destination: str, request_path: str, expected: str | int
) -> None:
    gateway.apply(api(base, None, destination))

    assert upstream_path(gateway, request_path) == expected


@pytest.mark.parametrize(
    ("rule", "method", "headers", "status"),
    [
        ({"methods": "GET|POST"}, "GET", {}, 200),
        ({"methods": "GET|POST"}, "PUT", {}, 404),
        ({"methods": "GE"}, "GET", {}, 404),
        ({"host": "api.example"}, "GET", {"host": "api.example"}, 200),
        ({"host": "api.example"}, "GET", {"host": "API.example:8443"}, 200),
        ({"host": "api.example"}, "GET", {"host": "other.example"}, 404),
        ({"host": r".*\.example"}, "GET", {"host": "b.example"}, 200),
        ({"headers": {"X-Beta": "^(1|true)$"}}, "GET", {"x-beta": "true"}, 200),
        ({"headers": {"X-Beta": "1|true"}}, "GET", {"x-beta": "true!"}, 404),
        ({"headers": {"X-Beta": "1|true"}}, "GET", {}, 404),
        ({"headers": {"a": "1", "b": "2"}}, "GET", {"a": "1", "b": "2", "c": "3"}, 200),
        ({"headers": {"a": "1", "b": "2"}}, "GET", {"a": "1"}, 404),
        ({"methods": "GET", "path": "/x", "headers": {"a": "1"}}, "GET", {"a": "1"}, 404),
    ],
)
def test_attributes_of_a_rule_all_hold(
    gateway: Gateway, rule: dict[str, object], method: str, headers: dict[str, str], status: int
) -> None:
    gateway.apply(api("/api", rule))

    assert gateway.request(method, "/api/a", headers=headers).status_code == status


@pytest.mark.parametrize("path", [f"/orders/{UUID}/items/{UUID}", r"/\p{L}+", "/" + "a" * 900])
def test_a_long_expression_is_served(gateway: Gateway, path: str) -> None:
    ack = gateway.apply(api(rule={"path": path}))

    assert [one.reason for one in ack.resources] == [""]
    assert gateway.get("/nothing/of/the/kind").status_code == 404
    if path.startswith("/orders"):
        assert gateway.get(f"/orders/{uuid4()}/items/{uuid4()}").status_code == 200


def test_any_rule_is_enough(gateway: Gateway) -> None:
    text = api("/api", {"path": "/a"}).replace("- path: /a", "- path: /a\n        - methods: PUT")
    gateway.apply(text)

    answers = [gateway.request(*ask).status_code for ask in (("GET", "/api/a"), ("PUT", "/api/b"))]

    assert answers == [200, 200]
    assert gateway.get("/api/b").status_code == 404


def test_unmatched_request_is_answered_in_json_under_the_apis_name(gateway: Gateway) -> None:
    gateway.apply(api("/api", {"path": "/a"}))
    before = len(gateway.log(0))

    answer = gateway.get("/api/b")

    assert answer.json() == {"error": "No route of this API matches the request."}
    assert answer.headers["content-type"] == "application/json"
    key = gateway.log(before + 1)[-1]
    assert key and (key.route.api, key.route.label) == ("table", "none")


@pytest.mark.parametrize(
    ("path", "sent", "expected"),
    [
        (None, "/api/x/../admin", "/admin"),
        (None, "/api/%61dmin", "/admin"),
        (None, "/api/ids/a%2Fb%5Cc//d", "/ids/a%2Fb%5Cc//d"),
        (None, "/api//admin", "/admin"),
        (None, "/api/..%2Fother", 400),
        (None, "/api%2Fadmin", 404),
        ("/admin/.*", "/api/admin%2fx//y", "/admin%2fx//y"),
        ("/admin/.*", "/api//admin//x", "/admin//x"),
        ("/admin/[^/]+", "/api/admin/a%20b", "/admin/a%20b"),
        ("/admin/[^/]+", "/api/admin/a%2Fb", 404),
        ("/users/@me", "/api/users/%40me", "/users/%40me"),
        ("/straße", "/api/stra%c3%9Fe", "/stra%c3%9Fe"),
        ("/admin(/.*)", "/api/admin/a%2Fb", "/a%2Fb"),
        ("/admin(/.*)", "/api/admin//%2Fb", "/%2Fb"),
        ("/admin/(.*)", "/api/admin%2Fb", "/b"),
        ("/admin(/.*)", "/api/admin%2Fb", 400),
    ],
)
def test_slashes_are_sent_on_as_they_came_and_routes_judge_the_plain_path(
    gateway: Gateway, path: str | None, sent: str, expected: str | int
) -> None:
    gateway.apply(api("/api", {"path": path} if path else None))

    assert upstream_path(gateway, sent) == expected


@pytest.mark.parametrize(
    ("host", "more", "expected"),
    [
        (b"a.example", b"", 200),
        (b"a.example:80", b"", 200),
        (b"a.example", b"host: b.example\r\n", 400),
        (b"a.example,b.example", b"", 400),
        (b"b@a.example", b"", 400),
    ],
)
def test_a_request_names_one_host(gateway: Gateway, host: bytes, more: bytes, expected: int) -> None:
    gateway.apply(api("/api"))

    assert http1(gateway.port, b"/api", host=host, headers=more) == expected


def test_host_is_the_upstreams_and_the_first_one_is_passed_on(gateway: Gateway) -> None:
    gateway.apply(api("/api"))

    headers = gateway.get("/api", headers={"host": "public.example"}).json()["headers"]

    assert headers["host"] == gateway.upstream.url.removeprefix("http://")
    assert headers["x-forwarded-host"] == "public.example"
    assert not [name for name in headers if name.startswith("x-envoy")]
