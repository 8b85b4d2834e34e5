"""CORS through a real Envoy, whose upstream sends an Access-Control-Allow-Origin of its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.policies.envoy import Answer, Envoy, compiled, running_envoy

pytestmark = pytest.mark.envoy

SHOP = "https://shop.example.com"
GROUPS = [
    {"name": "everybody", "origins": ["*"], "allowedMethods": [{"methodName": "GET"}]},
    {
        "name": "shop",
        "origins": [SHOP],
        "accessControlMaxAge": 600,
        "allowedMethods": [
            {"methodName": "GET"},
            {"methodName": "PUT"},
            {"methodName": "POST", "isAllowed": False},
        ],
        "headers": ["x-token", "content-type"],
        "exposedHeaders": ["x-backend", "etag"],
    },
    {"name": "partners", "origins": ["https://*.partner.example"], "headers": ["*"]},
]
STARS = ["https://*.eu.*.example.com", "https://shop-*.x:*", "https://a*aab", "https://b**b"]
CONFIGS: dict[str, dict[str, Any]] = {
    "public": {},
    "public-credentials": {"supportCredentials": True},
    "groups": {"publicResource": False, "supportCredentials": True, "originGroups": GROUPS},
    "closed": {"publicResource": False, "originGroups": GROUPS[1:]},
    "stars": {"publicResource": False, "originGroups": [{"name": "stars", "origins": STARS}]},
}


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("cors")
    chains = {name: [compiled("cors", config, folder)] for name, config in CONFIGS.items()}
    guard = compiled("http-basic-authentication", {"username": "a", "password": "b"}, folder, "test/guard")
    with running_envoy({**chains, "guarded": [*chains["groups"], guard]}, folder) as running:
        yield running


def preflight(envoy: Envoy, path: str, origin: str, method: str, headers: str = "x-token") -> Answer:
    asked = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": headers,
    }
    return envoy.request("OPTIONS", path, asked)


def told(answer: Answer) -> dict[str, str]:
    prefix = "access-control-"
    return {
        name.removeprefix(prefix): value for name, value in answer.headers.items() if name.startswith(prefix)
    }


def test_public_preflight_is_mirrored_and_stays_at_the_gateway(envoy: Envoy) -> None:
    answer = preflight(envoy, "/public", "https://any.example", "PATCH", "x-a, x-b")

    assert (answer.status, answer.body) == (200, "")
    assert told(answer) == {
        "allow-origin": "https://any.example",
        "allow-methods": "PATCH",
        "allow-headers": "x-a, x-b",
    }
    assert answer.headers["x-policy"] in (None, "-")


def test_public_answer_mirrors_the_origin(envoy: Envoy) -> None:
    answer = envoy.get("/public", {"origin": "https://any.example"})

    assert answer.headers["x-backend"] == "backend"
    assert told(answer) == {"allow-origin": "https://any.example"}
    assert "Origin" in answer.headers["vary"]
    with_credentials = envoy.get("/public-credentials", {"origin": "https://any.example"})
    assert told(with_credentials)["allow-credentials"] == "true"


def test_request_without_origin_is_left_alone(envoy: Envoy) -> None:
    assert told(envoy.get("/groups")) == {"allow-origin": "backend"}


def test_every_answer_tells_caches_that_it_varies_by_origin(envoy: Envoy) -> None:
    answers = [
        envoy.get("/groups"),
        envoy.get("/groups", {"origin": SHOP}),
        envoy.get("/closed", {"origin": "https://other.example"}),
        envoy.get("/guarded"),
    ]

    assert [answer.headers.get_all("vary") for answer in answers] == [["Origin"]] * 4
    assert len(preflight(envoy, "/groups", SHOP, "GET").headers.get_all("vary") or []) == 1


@pytest.mark.parametrize("path", ["/public", "/guarded"])
def test_options_never_reaches_the_upstream(envoy: Envoy, path: str) -> None:
    answer = envoy.request("OPTIONS", path)

    assert (answer.status, answer.body, told(answer)) == (200, "", {})


def test_specific_group_wins_over_the_wildcard(envoy: Envoy) -> None:
    answer = preflight(envoy, "/groups", SHOP, "PUT")

    assert told(answer) == {
        "allow-origin": SHOP,
        "allow-methods": "GET, PUT",
        "allow-headers": "x-token, content-type",
        "allow-credentials": "true",
        "max-age": "600",
    }


def test_wildcard_group_takes_the_rest(envoy: Envoy) -> None:
    allowed = preflight(envoy, "/groups", "https://other.example", "GET")
    refused = preflight(envoy, "/groups", "https://other.example", "PUT")

    assert told(allowed)["allow-methods"] == "GET"
    assert (refused.status, refused.body, told(refused)) == (200, "", {})


def test_group_of_subdomains_mirrors_the_headers_it_allows_all_of(envoy: Envoy) -> None:
    answer = preflight(envoy, "/closed", "https://a.b.partner.example", "DELETE", "x-anything")

    assert told(answer)["allow-headers"] == "x-anything"


def test_answers_tell_what_the_group_may_read(envoy: Envoy) -> None:
    assert told(envoy.get("/groups", {"origin": SHOP})) == {
        "allow-origin": SHOP,
        "allow-credentials": "true",
        "expose-headers": "x-backend, etag",
    }
    assert told(envoy.request("HEAD", "/closed", {"origin": SHOP.upper()}))["allow-origin"] == SHOP.upper()


@pytest.mark.parametrize(
    "origin",
    [
        "https://other.example",
        "http://shop.example.com",
        SHOP + ":8443",
        "https://xpartner.example",
        "null",
        "*",
    ],
)
def test_rejected_origin_gets_answers_without_the_header(envoy: Envoy, origin: str) -> None:
    answer = envoy.get("/closed", {"origin": origin})

    assert answer.headers["x-backend"] == "backend"
    assert told(answer) == {}
    assert told(preflight(envoy, "/closed", origin, "GET")) == {}


def test_method_that_the_group_lacks_gets_no_header(envoy: Envoy) -> None:
    assert told(envoy.request("POST", "/closed", {"origin": SHOP})) == {}


def test_refusal_of_a_later_policy_can_be_read_by_the_site(envoy: Envoy) -> None:
    answer = envoy.get("/guarded", {"origin": SHOP})

    assert answer.status == 401
    assert told(answer)["allow-origin"] == SHOP
    assert preflight(envoy, "/guarded", SHOP, "PUT").status == 200


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        ("https://a.eu.b.example.com", True),
        ("https://a.eu.eu.b.c.example.com", True),
        ("https://.eu..example.com", True),
        ("https://a.eu.example.com", False),
        ("https://a.eu.b.example.com.evil.example", False),
        ("https://evil.example/a.eu.b.example.com", False),
        ("https://evil.example:1.eu.b.example.com", False),
        ("https://shop-1.x:8080", True),
        ("https://shop-1:2.x:8080", False),
        ("https://aaab", True),
        ("https://aaaab", True),
        ("https://aab", False),
        ("https://bb", True),
        ("https://b", False),
        ("https://bxxb", True),
    ],
)
def test_star_stands_for_parts_of_a_host(envoy: Envoy, origin: str, is_allowed: bool) -> None:
    assert (told(envoy.get("/stars", {"origin": origin})) != {}) is is_allowed


@pytest.mark.parametrize("path", ["/public", "/stars"])
def test_origin_longer_than_any_host_is_not_allowed(envoy: Envoy, path: str) -> None:
    longest = "https://a" + "x" * (512 - 12) + "aab"

    assert len(longest) == 512
    assert told(envoy.get(path, {"origin": longest}))["allow-origin"] == longest
    assert told(envoy.get(path, {"origin": longest + "b"})) == {}
    assert told(preflight(envoy, path, "https://ax" + longest[9:], "GET")) == {}
