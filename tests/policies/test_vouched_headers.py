"""What the gateway tells the upstream in a header, callers cannot say in any spelling of its name."""

import itertools
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import jwt
import pytest
import re2

from policies.fields.headers import spelled
from tests.policies import geo_database
from tests.policies.provider import AUTHORIZATION, Provider, provider
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.test_policies import api, policy
from tests.traffic.upstream import Quiet, serving

pytestmark = pytest.mark.envoy
SECRET = "0123456789abcdef0123456789abcdef"
LONG = "x-a-b_c-d-e-f-name"
KEYS = {"knownFrom": "keys", "keys": f"ada: {SECRET}"}
TOKENS = {"signingMethod": "hmac", "textKey": SECRET}
TOLD = [{"claimName": "sub", "headerName": "x-user-name"}, {"claimName": "role", "headerName": "x-role"}]
BEARER = {"authorization": f"Bearer {jwt.encode({'sub': 'ada'}, SECRET, 'HS256')}"}


class Allowing(Quiet):
    """Allows everybody, and tells who it is of one alone."""

    def do_GET(self) -> None:
        self.send_response(200)
        if self.headers["authorization"] == "ada":
            self.send_header("x-user-name", "ada")
        self.send_header("content-length", "0")
        self.end_headers()


def observed(name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {**policy(name, config), "mode": "observe"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("vouched")
    geo_database.write(folder / "c.mmdb", {"127.0.0.0/8": "DE"})
    geo = {"action": "deny", "countries": ["KP"], "database": str(folder / "c.mmdb")}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Allowing)
    with provider() as idp, serving(server), running_gateway("", folder) as running:
        idp.tokens["good"] = {"active": True, "client_id": "shop"}
        asked = {"uri": f"http://127.0.0.1:{server.server_port}", "serverType": "http"}
        named = {**asked, "serviceResponseUpstreamHeaders": ["X-User-Name"]}
        made = {
            "key": policy("api-key", KEYS),
            "long": policy("api-key", {**KEYS, "consumerHeader": LONG}),
            "key-observed": observed("api-key", KEYS),
            "hmac": observed("hmac-signature", {"keys": f"ada: {SECRET}"}),
            "geo": policy("geo-filter", {**geo, "countryHeader": "x-country-code"}),
            "jwt": policy("jwt-validation", {**TOKENS, "claimsToHeaders": TOLD}),
            "jwt-observed": observed("jwt-validation", {**TOKENS, "claimsToHeaders": TOLD}),
            "oauth": policy("oauth2-token-introspection", introspected(idp)),
            "oauth-observed": observed("oauth2-token-introspection", introspected(idp)),
            "ext": policy("native-ext-authz", named),
            "ext-seen": policy("native-ext-authz", {**named, "allowedHeaders": ["x-user-name"]}),
        }
        ack = running.apply("---\n".join(api(it, name=name) for name, it in made.items()))
        assert not [one.reason for one in ack.resources if one.reason], ack
        yield running


def introspected(idp: Provider) -> dict[str, Any]:
    asked = {"introspectionURL": f"{idp.url}/introspect", "authorizationValue": AUTHORIZATION}
    return {**asked, "exposeHeaders": True, "skipClientIdValidation": True}


def spellings(name: str, more: str = "") -> list[str]:
    parts = name.replace("_", "-").split("-")
    signs = len(parts) - 1
    marks = [*itertools.product("-_", repeat=signs), *itertools.combinations(more * 2, signs)]
    return ["".join(itertools.chain(*zip(parts, (*some, ""), strict=True))) for some in marks]


BY_ENVOY = ("geo", "oauth", "oauth-observed", "ext")
"""These take off any sign; a script takes off the others name by name, and each costs a request."""
USUAL = "x-consumer-name"
"""Of this one the listener takes off any sign."""


def folded(name: str) -> str:
    return "".join(one if one.isalnum() else "-" for one in name)


@pytest.mark.parametrize(
    ("path", "name", "sent", "told"),
    [
        ("key", "x-consumer-name", {"x-api-key": SECRET}, "ada"),
        ("long", LONG, {"x-api-key": SECRET}, "ada"),
        ("key-observed", "x-consumer-name", {}, None),
        ("hmac", "x-consumer-name", {}, None),
        ("geo", "x-country-code", {}, "DE"),
        ("jwt", "x-user-name", BEARER, "ada"),
        ("jwt", "x-role", BEARER, None),
        ("jwt-observed", "x-user-name", {}, None),
        ("oauth", "x-agw-client_id", {"authorization": "Bearer good"}, "shop"),
        ("oauth", "x-agw-username", {"authorization": "Bearer good"}, None),
        ("oauth-observed", "x-agw-username", {}, None),
        ("ext", "x-user-name", {"authorization": "ada"}, "ada"),
        ("ext", "x-user-name", {}, None),
    ],
)
def test_nobody_but_the_gateway_says_who_calls(
    gateway: Gateway, path: str, name: str, sent: dict[str, str], told: str | None
) -> None:
    for spelling in spellings(name, "-.~!" if path in BY_ENVOY or name == USUAL else ""):
        for one in (spelling, spelling.title()):
            answer = gateway.get(f"/{path}/x", headers={**sent, one: "eve", "x-other_name": "stays"})

            assert answer.status_code == 200, answer.text
            got = answer.json()["headers"]
            assert got["x-other_name"] == "stays"
            alike = {it: value for it, value in got.items() if folded(it) == folded(name)}
            assert alike == ({name: told} if told else {}), one


def test_what_an_authorization_server_sees_is_for_it_to_replace(gateway: Gateway) -> None:
    answer = gateway.get("/ext-seen/x", headers={"x-user-name": "eve"})

    assert answer.json()["headers"]["x-user-name"] == "eve"


def test_a_matcher_takes_all_spellings_and_no_other_name() -> None:
    pattern = spelled("X-User_Name.1")

    every = [
        one.replace(".", sign) for sign in "-_.+" for one in ("x-user_name.1", *spellings("x-user-name-1"))
    ]
    assert all(re2.fullmatch(pattern, one) for one in every)
    assert not any(re2.fullmatch(pattern, one) for one in ("x-user-namex1", "xuser-name.1", "x-user-name.1-"))
