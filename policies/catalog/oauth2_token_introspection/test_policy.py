"""Tokens through a real gateway, its authorizer and an authorization server."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from tests.policies.provider import AUTHORIZATION, Provider, provider
from tests.ports import free_port
from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: tokens}
spec:
  address: http://127.0.0.1:${port}/tokens
  services: {upstream: {address: "${upstream}"}}
  policies:
  - {policyRef: {name: oauth2-token-introspection-flex}, MODE config: CONFIG}
  - policyRef: {name: header-injection}
    config: {inboundHeaders: [
      {key: x-client, value: "#[authentication.clientId]"},
      {key: x-user, value: "#[authentication.principal]"},
      {key: x-team, value: "#[authentication.properties.team]"}]}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("gateway"), concurrency=2) as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture(autouse=True)
def forgetful(server: Provider) -> None:
    server.forget()


def apply(gateway: Gateway, server: Provider, mode: str = "", **config: Any) -> None:
    plain = {
        "introspectionURL": f"{server.url}/introspect",
        "authorizationValue": AUTHORIZATION,
        "skipClientIdValidation": True,
        **config,
    }
    ack = gateway.apply(API.replace("CONFIG", json.dumps(plain)).replace("MODE", mode))
    assert not [one.reason for one in ack.resources if one.reason], ack.resources


def get(gateway: Gateway, token: str, **headers: str) -> httpx.Response:
    return gateway.get("/tokens/x", headers={"authorization": f"Bearer {token}", **headers}, timeout=60)


def test_a_token_is_asked_about_once(gateway: Gateway, server: Provider) -> None:
    server.tokens["good"] = {"active": True, "client_id": "app", "username": "ada", "team": "blue"}
    apply(gateway, server)

    answers = [get(gateway, "good") for _ in range(20)]

    assert {one.status_code for one in answers} == {200}
    seen = answers[-1].json()["headers"]
    assert (seen["x-client"], seen["x-user"], seen["x-team"]) == ("app", "ada", "blue")
    assert server.asked == ["good"]
    assert server.headers[0]["authorization"] == AUTHORIZATION


def test_one_token_asked_for_by_many_at_once_is_asked_about_once(gateway: Gateway, server: Provider) -> None:
    server.tokens["many"] = {"active": True}
    server.seconds = 0.5
    apply(gateway, server)

    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(lambda _: get(gateway, "many").status_code, range(40)))

    assert answers == [200] * 40
    assert server.asked == ["many"]


def test_what_is_not_active_is_refused_and_not_asked_about_again(gateway: Gateway, server: Provider) -> None:
    apply(gateway, server)

    answers = [get(gateway, "unknown") for _ in range(5)]

    assert {one.status_code for one in answers} == {401}
    assert answers[0].headers["www-authenticate"] == 'Bearer realm="tokens", error="invalid_token"'
    assert server.asked == ["unknown"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"active": True, "exp": 1}, 401),
        ({"active": True, "exp": "2999"}, 401),
        ({"active": True, "exp": True}, 401),
        ({"active": True, "nbf": 33000000000}, 401),
        ({"active": True, "token_use": "refresh_token"}, 401),
        ({"active": True, "token_type": "Bearer", "typ": "Refresh"}, 401),
        ({"active": True, "typ": "ID"}, 401),
        ({"active": True, "token_type": "Bearer", "typ": "JWT", "token_use": "access_token"}, 200),
        ({"active": True, "exp": 33000000000}, 200),
        ({"active": "true"}, 503),
        ({"active": 1}, 503),
        ({}, 503),
        ([], 503),
    ],
)
def test_an_answer_is_taken_at_its_word(gateway: Gateway, server: Provider, answer: Any, status: int) -> None:
    token = f"word-{abs(hash(str(answer)))}"
    server.tokens[token] = answer
    apply(gateway, server)

    assert get(gateway, token).status_code == status


def test_a_token_is_not_remembered_beyond_its_end(gateway: Gateway, server: Provider) -> None:
    server.tokens["brief"] = {"active": True, "exp": time.time() + 2}
    apply(gateway, server)
    assert get(gateway, "brief").status_code == 200

    wait_until(lambda: get(gateway, "brief").status_code == 401)

    assert len(server.asked) <= 2 + 1


def test_a_revoked_token_is_refused_when_its_time_is_over(gateway: Gateway, server: Provider) -> None:
    server.tokens["revoked"] = {"active": True}
    apply(gateway, server, validatedTokenTTL=2)
    assert get(gateway, "revoked").status_code == 200

    server.tokens["revoked"] = {"active": False}

    wait_until(lambda: get(gateway, "revoked").status_code == 401)


@pytest.mark.parametrize(
    ("criteria", "scope", "status"),
    [
        ("AND", "read write", 200),
        ("AND", "write read more", 200),
        ("AND", "read", 403),
        ("AND", "", 403),
        ("AND", "readwrite", 403),
        ("OR", "write", 200),
        ("OR", "other", 403),
    ],
)
def test_scopes(gateway: Gateway, server: Provider, criteria: str, scope: str, status: int) -> None:
    token = f"scoped-{criteria}-{scope.replace(' ', '-')}"
    server.tokens[token] = {"active": True, "scope": scope}
    apply(gateway, server, scopes="read write", scopeValidationCriteria=criteria)

    answer = get(gateway, token)

    assert answer.status_code == status
    if status == 403:
        assert 'error="insufficient_scope", scope="read write"' in answer.headers["www-authenticate"]


def test_the_upstream_is_told_what_the_provider_says_and_nothing_else(
    gateway: Gateway, server: Provider
) -> None:
    server.tokens["told"] = {
        "active": True,
        "scope": "read",
        "exp": time.time() + 60,
        "role": "admin",
        "groups": ["a"],
        "evil": "a\r\nx-injected: 1",
        "a b": "c",
    }
    apply(gateway, server, exposeHeaders=True)

    seen = get(gateway, "told", **{"X-AGW-Role": "forged", "x-agw-other": "forged"}).json()["headers"]

    assert {name: value for name, value in seen.items() if name.startswith("x-agw")} == {
        "x-agw-role": "admin"
    }
    assert "x-injected" not in seen


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 401),
        ([("authorization", "Basic YTpi")], 401),
        ([("authorization", "Bearer good"), ("authorization", "Bearer good")], 400),
        ([("authorization", "Bearer good, Bearer good")], 400),
        ([("authorization", "Bearer")], 400),
        ([("authorization", "Bearer good good")], 400),
        ([("authorization", 'Bearer go"od')], 400),
        ([("authorization", "bearer  good")], 200),
        ([("authorization", f"Bearer {'a' * 50_000}")], 401),
    ],
)
def test_what_is_no_token_is_refused(
    gateway: Gateway, server: Provider, headers: list[tuple[str, str]], status: int
) -> None:
    server.tokens["good"] = {"active": True}
    apply(gateway, server)

    assert gateway.get("/tokens/x", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b""),
        (302, b""),
        (401, b""),
        (200, b"no json"),
        (200, b"[" * 100_000),
        (200, b'{"active": true, "more": "' + b"x" * 10_000_000 + b'"}'),
    ],
)
def test_nobody_passes_where_the_server_says_nothing_sound(
    gateway: Gateway, server: Provider, status: int, body: bytes
) -> None:
    server.answer = (status, body)
    apply(gateway, server)

    answer = get(gateway, f"unsound-{status}-{len(body)}")

    assert answer.status_code == 503
    assert answer.json() == {"error": "The access token cannot be checked at this time."}


def test_nobody_passes_while_the_server_is_away_or_slow(gateway: Gateway, server: Provider) -> None:
    apply(gateway, server, introspectionURL=f"http://127.0.0.1:{free_port()}/introspect")
    assert get(gateway, "away").status_code == 503

    server.tokens["slow"] = {"active": True}
    server.seconds = 1
    apply(gateway, server, authenticationTimeout=200)

    assert get(gateway, "slow").status_code == 503
    wait_until(lambda: "time: there was no answer within 0.2 s" in reasons(gateway))


def reasons(gateway: Gateway) -> str:
    return (gateway.envoy.state / "access.log").read_text(errors="replace")


def test_where_it_only_observes_nothing_is_refused(gateway: Gateway, server: Provider) -> None:
    apply(gateway, server, mode="mode: observe,")

    assert get(gateway, "observed").status_code == 200

    wait_until(lambda: "active: the provider says that it is not" in reasons(gateway))


def status(gateway: Gateway, token: str) -> int:
    """On a connection of its own: httpx looks through all that it has."""
    connection = HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    try:
        connection.request("GET", "/tokens/x", headers={"authorization": f"Bearer {token}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_thousand_bad_tokens_keep_no_good_one_waiting(gateway: Gateway, server: Provider) -> None:
    server.tokens |= {f"good-{number}": {"active": True} for number in range(20)}
    server.tokens["known"] = {"active": True}
    server.seconds = 0.02
    apply(gateway, server)
    assert get(gateway, "known").status_code == 200

    with ThreadPoolExecutor(200) as threads:
        bad = [threads.submit(status, gateway, f"bad-{number}") for number in range(1000)]
        known = [status(gateway, "known") for _ in range(50)]
        good = [status(gateway, f"good-{number}") for number in range(20)]
        refused = {one.result() for one in bad}

    assert set(known) == set(good) == {200}
    assert refused <= {401, 503}
    assert get(gateway, "known").status_code == 200
    assert server.asked.count("known") == 1


def test_what_is_too_much_to_remember_is_left_out(gateway: Gateway, server: Provider) -> None:
    roles = {f"role{number}": "x" * 100 for number in range(500)}
    server.tokens["big"] = {"active": True, "client_id": "app", "team": "blue", **roles}
    apply(gateway, server)

    seen = [get(gateway, "big").json()["headers"] for _ in range(3)]

    assert seen[2]["x-client"] == "app"
    assert server.asked == ["big"]


def test_what_an_answer_sets_is_not_sent_with_the_next_question(gateway: Gateway, server: Provider) -> None:
    """The provider sets a cookie with each answer."""
    server.headers = []
    apply(gateway, server)

    for token in ("no-cookie-1", "no-cookie-2"):
        assert get(gateway, token).status_code == 401

    assert [one.get("cookie") for one in server.headers] == [None, None]


def test_where_nothing_is_remembered_each_request_is_asked_about(gateway: Gateway, server: Provider) -> None:
    server.tokens["forgotten"] = {"active": True}
    for config in ({"validatedTokenTTL": 0}, {"maxCacheEntries": 0}):
        server.asked = []
        apply(gateway, server, **config)
        assert get(gateway, "forgotten").status_code == 200

        wait_until(lambda: get(gateway, "forgotten").status_code == 200 and len(server.asked) >= 2)


def test_a_killed_authorizer_comes_back_and_nothing_passes_meanwhile(
    gateway: Gateway, server: Provider
) -> None:
    server.tokens |= {name: {"active": True} for name in ("before", "after")}
    apply(gateway, server)
    assert get(gateway, "before").status_code == 200
    pid = gateway.applier.authorizer.pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    statuses = {get(gateway, f"meanwhile-{number}").status_code for number in range(20)}

    assert statuses <= {401, 503}
    assert get(gateway, "before").status_code == 200, "what is remembered needs nobody"
    wait_until(lambda: get(gateway, "after").status_code == 200, 20)
    assert server.asked.count("before") == 1


CONTRACT = """---
apiVersion: gatewright.dev/v1alpha1
kind: Contract
metadata: {name: of-shop}
spec: {apiId: tokens, client: {id: shop, secret: never asked for, name: The shop}}
"""


def test_the_client_needs_a_contract(gateway: Gateway, server: Provider) -> None:
    server.tokens |= {
        "of-shop": {"active": True, "client_id": "shop", "team": "blue"},
        "of-other": {"active": True, "client_id": "other"},
        "of-nobody": {"active": True, "username": "shop"},
    }
    plain = {"introspectionURL": f"{server.url}/introspect", "authorizationValue": AUTHORIZATION}
    text = API.replace("CONFIG", json.dumps(plain)).replace("MODE", "")

    for contracts, statuses in (("", [401, 401, 401]), (CONTRACT, [200, 401, 401]), ("", [401, 401, 401])):
        ack = gateway.apply(text + contracts)
        assert not [one.reason for one in ack.resources if one.reason], ack.resources
        assert [get(gateway, one).status_code for one in ("of-shop", "of-other", "of-nobody")] == statuses
    assert sorted(server.asked) == ["of-nobody", "of-other", "of-shop"]


def test_secrets_and_tokens_stand_nowhere(gateway: Gateway, server: Provider) -> None:
    server.tokens["t0ken-text"] = {"active": True}
    apply(gateway, server)
    assert get(gateway, "t0ken-text").status_code == 200

    state = gateway.envoy.state
    configured = "".join(path.read_text() for path in gateway.envoy.folder.glob("*.json"))
    assert AUTHORIZATION.split()[1] not in configured
    remembered = (state / "shm-answers" / "answers-1").open("rb").read(1_000_000)
    assert b"t0ken-text" not in remembered
    assert (state / "authorizer.sock").stat().st_mode & 0o777 == 0o600
    assert "t0ken-text" not in (state / "authorizer.log").read_text()


def test_the_authorizer_goes_when_nobody_needs_it(gateway: Gateway, server: Provider) -> None:
    apply(gateway, server)
    pid = gateway.applier.authorizer.pid
    assert pid is not None

    gateway.apply("""
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: tokens}
spec: {address: "http://127.0.0.1:${port}/tokens", services: {upstream: {address: "${upstream}"}}}
""")

    assert gateway.applier.authorizer.pid is None
    assert gateway.get("/tokens/x").status_code == 200
