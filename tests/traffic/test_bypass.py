"""Requests that try to reach what a policy guards without meeting the policy."""

import pytest
import yaml

from tests.traffic.gateway import Gateway
from tests.traffic.raw import http1, http2

pytestmark = pytest.mark.envoy

OTHER_SPELLINGS = [
    "/admin/x",
    "/admin/x?a=1",
    "/admin/x?/../../public",
    "/admin///x",
    "/./admin/x",
    "/public/../admin/x",
    "/public/%2e%2E/admin/x",
    "/public//../../admin/x",
    "/%61dm%69n/x",
    "/admin\\x",
    "/admin/%0A",
    "/admin/%FF",
    "/admin;a=1/x",
    "/admin;/x",
    "/admin%3Ba=1/x",
    "/admin;a=%2F/x",
    "/admin%2Fx",
    "/admin%2f%2Fx",
    "/admin%5Cx",
    "/admin%252Fx",
    "/admin%25255cx",
    "/admin./x",
    "/admin%20/x",
    "/admin.%20;x/x",
    # What trims each segment.
    "/admin%0A/x",
    "/admin%1f;x/x",
    "/%20admin/x",
    "/%2509admin/x",
    "/%20/admin/x",
    "/%0d%20;x/%20admin/x",
    "http://other/admin/x",
    "http://user:pass@other/admin/x",
]
REFUSED = [
    # What Tomcat, and what decodes twice, reads as a way up.
    "/;/admin/x",
    "/;a=1/admin/x",
    "/public/..;/admin/x",
    "/public/..;a=1;b/admin/x",
    "/public\\..;/admin/x",
    "/public/..;x",
    "/.;a/admin/x",
    "/.;a=b",
    "/%3B/admin/x",
    "/%253b/admin/x",
    "/%2e;/admin/x",
    "/public/%2e%2e;/admin/x",
    "/public/..%3B/admin/x",
    "/public%2f..%2fadmin/x",
    "/public/..%2fadmin/x",
    "/public%2F../admin/x",
    "/public/..%5cadmin/x",
    "/public/..%252fadmin/x",
    "/public/%252e%252e/admin/x",
    "/public/.%252e/admin/x",
    "/public/%25252e%25252e/admin/x",
    # What Windows reads as one.
    "/public/..%20/admin/x",
    "/public/.../admin/x",
    "/public/..%0A/admin/x",
    "/public/%20../admin/x",
    "/public/%2509..%1F;x/admin/x",
    # A host's name, to what reads the target as a URL.
    "//admin/x",
    "//public/admin/x",
    "/\\admin\\x",
    "http://user:pass@other//admin/x",
    # No characters, or more bytes than they need.
    "/%2561dmin/x",
    "/public/%c0%ae%c0%ae/admin/x",
    "/public%c0%afadmin",
    "/public/%e0%80%ae/x",
    "/public/%u002e%u002e/admin/x",
    "/admin%/x",
    "/admin%2",
    "/admin%00/x",
    "/admin%2500/x",
    "/admin/x#y",
    "admin/x",
    "*",
]
PUBLIC = [
    "/public/a..b",
    "/public/.well-known/x",
    "/public/...a",
    "/public/a;v=..;w/%C3%A9",
    "/public/100%25",
]
RULES = {
    "/admin//.*": "/admin/x",
    "^/admin/.*$": "/admin/x?a=1",
    r"\A/admin/.*\z": "/admin/x?a=1",
    "(^/admin$|^/owner$)": "/owner?a=1",
    "/admin(/.*)?$": "/admin?a=1",
    "/admin": "/admin;jsessionid=1?a=1",
    "(?i)/admin/.*": "/ADMIN/x",
    "/[^x]dmin/.*": "/admin/x",
    "/.*": "/admin/x",
    ".*": "",
    "^/?$": "?a=1",
}


def guarded(rule: dict[str, object] | None = None, base: str = "") -> str:
    """An API that takes every request and asks for credentials where the rule holds."""
    guard = {
        "policyRef": {"name": "http-basic-authentication-flex"},
        "config": {"username": "ada", "password": "secret"},
        "rules": [rule] if rule else [],
    }
    return yaml.safe_dump(
        {
            "apiVersion": "gateway.mulesoft.com/v1alpha1",
            "kind": "ApiInstance",
            "metadata": {"name": f"guarded{base.replace('/', '-')}"},
            "spec": {
                "address": "http://127.0.0.1:${port}" + base,
                "services": {"backend": {"address": "${upstream}"}},
                "policies": [guard],
            },
        }
    )


def apply(gateway: Gateway, *apis: str) -> None:
    ack = gateway.apply("---\n".join(apis))
    assert not [one.reason for one in ack.resources if one.reason], ack


def test_other_spellings_of_a_guarded_path_are_guarded(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "/admin/.*"}))

    found = {target: http1(gateway.port, target.encode()) for target in OTHER_SPELLINGS}

    assert found == dict.fromkeys(OTHER_SPELLINGS, 401)


def test_paths_that_servers_read_in_different_ways_are_refused(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "/admin/.*"}))

    found = {target: http1(gateway.port, target.encode()) for target in REFUSED}

    assert found == dict.fromkeys(REFUSED, 400)


def test_other_paths_are_not_guarded(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "/admin/.*"}))

    found = {target: http1(gateway.port, target.encode()) for target in ["/public/admin/x", *PUBLIC]}

    assert found == dict.fromkeys(["/public/admin/x", *PUBLIC], 200)


@pytest.mark.parametrize(
    ("rule", "target"),
    [
        ("/users/@me", "/users/%40me"),
        ("/users/@me", "/users/%2540me"),
        ("/users/[@:]me", "/users/%3Ame"),
        ("/a b/.*", "/a%20b/x"),
        ("/straße/.*", "/stra%C3%9fe/x"),
        ("/stra%C3%9Fe/.*", "/stra%c3%9fe/x"),
        (r"/\Q@me/x\E", "/%40me%2Fx"),
        ("/items/[^/]+", "/items/a%2Fb"),
        ("/items/[^/]+/edit", "/items//a%2Fb/edit"),
        ("/items/[^/]*/[^/]*/edit", "/items/%2Fx/edit"),
        ("/items.edit", "/items%2Fedit"),
        ("/items[/_]edit", "/items//edit"),
        (r"/items\x2fedit", "/items%2fedit"),
        (r"/items/\p{L}+", "/items/%C3%A9"),
        ("/items/.{1}", "/items/%40"),
    ],
)
def test_condition_holds_for_what_any_server_could_read_as_its_path(
    gateway: Gateway, rule: str, target: str
) -> None:
    apply(gateway, guarded({"path": rule}))

    assert http1(gateway.port, target.encode()) == 401


@pytest.mark.parametrize(
    ("rule", "destination", "target"),
    [
        ("/files(/.*)-(.*)", "/app1", "/shop/files/.-./internal"),
        ("/files/(.*)-(.*)", "/app1/", "/shop/files/.-./internal"),
        ("/files/(.*)-(.*)", "", "/shop/files/a/.-."),
        ("/files/(.*)-(.*)", "", "/shop/files/a/-;x"),
        ("/files/(.*)-(.*)", "", "/shop/files/a/%25-2e/x"),
        ("/files/(.*)-(.*)", "", "/shop/files/a/-/x"),
        ("/files/(.*)-(.*)", "", "/shop/files/%2-Fx"),
        ("/v1(.*)", "", "/shop/v1../internal"),
        ("/v1(.*)", "/app1/", "/shop/v1../internal"),
        ("/v1(.*)", "/app1/", "/shop/v1..;/internal"),
        ("/v1(.*)", "", "/shop/v1;x/internal"),
        ("/v1(/.*)b", "/app1", "/shop/v1/..b"),
        ("/v1/(.*)b/x", "/app1/", "/shop/v1/..b/x"),
        ("/x(/.*)?y(.*)", "", "/shop/xy../internal"),
        ("/files/(.*)-(.*)", "", "/shop/files/" + "a" * 9000 + "/.-./x"),
    ],
)
def test_path_that_is_put_together_is_judged_again(
    gateway: Gateway, rule: str, destination: str, target: str
) -> None:
    routed = yaml.safe_load(guarded({"path": "/admin/.*"}, "/shop"))
    route = {"rules": [{"path": rule}], "config": {"destinationPath": destination}}
    routed["spec"]["services"]["backend"]["routes"] = [route]
    apply(gateway, yaml.safe_dump(routed))

    assert http1(gateway.port, target.encode()) == 400


def test_path_that_is_put_together_soundly_is_sent(gateway: Gateway) -> None:
    routed = yaml.safe_load(guarded({"path": "/admin/.*"}, "/shop"))
    routed["spec"]["services"]["backend"]["routes"] = [{"rules": [{"path": "/files/(.*)-(.*)"}]}]
    apply(gateway, yaml.safe_dump(routed))

    assert gateway.get("/shop/files/a.-.b?/../").json()["path"] == "/a..b?/../"


def test_rules_written_in_other_ways_guard(gateway: Gateway) -> None:
    bases = {f"/api{number}": rule for number, rule in enumerate(RULES)}
    apply(gateway, *(guarded({"path": rule}, base) for base, rule in bases.items()))

    found = {rule: http1(gateway.port, (base + RULES[rule]).encode()) for base, rule in bases.items()}

    assert found == dict.fromkeys(RULES, 401)


def test_rule_guards_without_a_base_path_too(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "^/admin/.*$"}))

    assert http1(gateway.port, b"/admin/x?a=1") == 401


def test_other_spellings_of_a_guarded_host_are_guarded(gateway: Gateway) -> None:
    apply(gateway, guarded({"host": r"^api\.example$"}))
    hosts = [b"api.example", b"API.example", b"api.example:8443", b"api.example."]
    hosts += [b"api.example:", b"api.example.:", b"api.example..", b"api.example:80:80", b"api.example:a"]

    found = {host: http1(gateway.port, b"/", host=host) for host in hosts}

    assert found == dict.fromkeys(hosts, 401)


@pytest.mark.parametrize("host", [b"api%2eexample", b"api.example%2e", b"a,api.example", b"a@api.example"])
def test_a_host_that_is_read_in_different_ways_is_refused(gateway: Gateway, host: bytes) -> None:
    apply(gateway, guarded({"host": r"^api\.example$"}))

    assert http1(gateway.port, b"/", host=host) == 400


def test_method_in_lower_case_is_guarded_as_the_one_it_resembles(gateway: Gateway) -> None:
    apply(gateway, guarded({"methods": "GET|POST"}))

    assert b"authentication failed" in http2(gateway.port, b"/", method=b"post")
    assert http1(gateway.port, b"/", method=b"get") == 400


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
def test_upgrade_is_guarded(gateway: Gateway, protocol: str) -> None:
    apply(gateway, guarded())
    wanted = f"upgrade: {protocol}\r\nconnection: upgrade\r\n".encode()

    assert http1(gateway.port, b"/", headers=wanted) == 401


def test_tunnel_is_not_opened(gateway: Gateway) -> None:
    apply(gateway, guarded({"path": "/admin"}))
    upstream = f"127.0.0.1:{gateway.upstream.server_port}".encode()

    assert http1(gateway.port, upstream, method=b"CONNECT") == 404
