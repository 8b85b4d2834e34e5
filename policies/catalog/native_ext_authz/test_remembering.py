"""Answers over HTTP that are remembered, and servers whose answers are none."""

import json
import time
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.ports import free_port
from tests.traffic.gateway import Gateway
from tests.traffic.upstream import Quiet, serving
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: asked}
spec:
  address: http://127.0.0.1:${port}/asked
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: native-ext-authz-flex}, MODE config: CONFIG}]
"""


class Judge(ThreadingHTTPServer):
    """Says what it is to say, and keeps what it was asked: the line, the headers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[tuple[str, list[tuple[str, str]]]] = []
        self.says(200)

    def says(self, status: int, *headers: tuple[str, str], body: bytes = b"", seconds: float = 0) -> None:
        self.status, self.headers, self.body, self.seconds = status, headers, body, seconds

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Answer(Quiet):
    server: Judge

    def answer(self) -> None:
        judge = self.server
        told = [(name.lower(), value) for name, value in self.headers.items()]
        judge.asked.append((f"{self.command} {self.path}", told))
        time.sleep(judge.seconds)
        self.send_response(judge.status)
        for name, value in judge.headers:
            self.send_header(name, value)
        self.send_header("content-length", str(len(judge.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(judge.body)

    do_GET = do_POST = do_HEAD = answer


@pytest.fixture
def judge() -> Iterator[Judge]:
    with serving(Judge()) as server:
        yield server


def apply(gateway: Gateway, judge: Judge | str, mode: str = "", **config: Any) -> None:
    url = judge if isinstance(judge, str) else judge.url
    plain = {
        "uri": url,
        "serverType": "http",
        "rememberedSeconds": 60,
        "allowedHeaders": ["x-user"],
        **config,
    }
    ack = gateway.apply(API.replace("CONFIG", json.dumps(plain)).replace("MODE", mode))
    assert not [one.reason for one in ack.resources if one.reason], ack.resources


def get(gateway: Gateway, path: str = "/asked/x", **headers: str) -> httpx.Response:
    return gateway.get(path, headers=headers)


def test_what_asks_the_same_is_asked_once(gateway: Gateway, judge: Judge) -> None:
    apply(
        gateway,
        f"{judge.url}/v1",
        pathPrefix="/check",
        serviceRequestHeadersToAdd=[{"key": "x-from", "value": "g"}],
    )

    answers = [
        get(gateway, "/asked/x%20y?a=1|2", **{"x-user": "ada", "authorization": "Bearer 1"}) for _ in range(3)
    ]

    assert [one.status_code for one in answers] == [200] * 3
    [(line, told)] = judge.asked
    assert line == "GET /v1/check/asked/x%20y?a=1|2"
    seen = dict(told)
    assert (seen["x-user"], seen["authorization"], seen["x-from"]) == ("ada", "Bearer 1", "g")
    assert seen["host"] == f"127.0.0.1:{gateway.port}"
    assert {"user-agent", "accept", "cookie"}.isdisjoint(seen), "it does not see them"


def test_no_answer_says_anything_in_the_next_question(gateway: Gateway, judge: Judge) -> None:
    """Cookies that are set in one caller's answer were sent with the next one's question."""
    apply(gateway, judge, allowedHeaders=["cookie", "x-user"])
    judge.says(200, ("Set-Cookie", "session=of-ada; Path=/"))

    for name in ("ada", "bob"):
        assert get(gateway, **{"x-user": name}).status_code == 200

    assert not [value for _, told in judge.asked for name, value in told if name == "cookie"]


@pytest.mark.parametrize(
    "other",
    [
        {"headers": [("x-user", "bob")]},
        {"headers": [("x-user", "ada"), ("x-user", "bob")]},
        {"headers": [("x-user", "ada,bob")]},
        {"headers": [("x-user", "ada"), ("authorization", "Basic YQ==")]},
        {"headers": [("x-user", "ada"), ("host", "other.example.com")]},
        {"headers": [("x-user", "ada")], "path": "/asked/x?a=1"},
        {"headers": [("x-user", "ada")], "path": "/asked/X"},
        {"headers": [("x-user", "ada")], "method": "POST"},
        {"headers": []},
    ],
    ids=str,
)
def test_what_asks_otherwise_is_asked_for_itself(
    gateway: Gateway, judge: Judge, other: dict[str, Any]
) -> None:
    apply(gateway, judge)
    assert get(gateway, **{"x-user": "ada"}).status_code == 200
    judge.says(403)

    path, method = other.get("path", "/asked/x"), other.get("method", "GET")

    assert gateway.request(method, path, headers=other["headers"]).status_code == 403
    assert get(gateway, **{"x-user": "ada"}).status_code == 200
    assert len(judge.asked) == 2


def test_several_values_are_not_one(gateway: Gateway, judge: Judge) -> None:
    apply(gateway, judge)

    for headers in (
        [("x-user", "a,b")],
        [("x-user", "a"), ("x-user", "b")],
        [("x-user", "a"), ("x-user", "b")],
    ):
        gateway.get("/asked/x", headers=headers)

    assert [[value for name, value in told if name == "x-user"] for _, told in judge.asked] == [
        ["a,b"],
        ["a", "b"],
    ]


def test_headers_are_written_from_memory_as_they_were_at_first(gateway: Gateway, judge: Judge) -> None:
    apply(
        gateway,
        judge,
        serviceResponseUpstreamHeaders=["X-Role"],
        serviceResponseUpstreamHeadersToAppend=["x-group"],
        serviceResponseClientHeadersOnSuccess=["x-checked"],
    )
    hidden = ("x-envoy-auth-headers-to-remove", "x-secret, X-Other-Secret")
    judge.says(200, ("X-Role", "admin"), ("x-group", "a"), ("x-checked", "yes"), ("x-other", "no"), hidden)

    for _ in range(2):
        answer = get(gateway, **{"x-role": "forged", "x_role": "forged", "x-group": "own", "x-secret": "s"})
        seen = answer.json()["headers"]
        assert (answer.status_code, answer.headers["x-checked"]) == (200, "yes")
        assert (seen["x-role"], seen["x-group"]) == ("admin", "own,a")
        assert {"x-secret", "x_role", "x-other"}.isdisjoint(seen)
    assert len(judge.asked) == 1


def test_a_refusal_is_remembered_with_what_it_says(gateway: Gateway, judge: Judge) -> None:
    apply(gateway, judge)
    judge.says(
        402, ("Set-Cookie", "a=1, b"), ("Set-Cookie", "c=2"), ("Server", "hidden"), body=b'pay "first"\n\xff'
    )

    for _ in range(2):
        answer = get(gateway, **{"x-user": "bob"})
        assert (answer.status_code, answer.json()) == (402, {"error": 'pay "first"\n\ufffd'})
        assert answer.headers.get_list("set-cookie") == ["a=1, b", "c=2"]
        assert answer.headers["server"] != "hidden"
    assert len(judge.asked) == 1


def test_a_refused_caller_gets_the_headers_that_are_named(gateway: Gateway, judge: Judge) -> None:
    apply(gateway, judge, serviceResponseClientHeaders=["x-why"])
    judge.says(401, ("x-why", "late"), ("x-inner", "1"), ("WWW-Authenticate", "Bearer"))

    answer = get(gateway)

    assert (answer.headers["x-why"], answer.headers["www-authenticate"]) == ("late", "Bearer")
    assert "x-inner" not in answer.headers


@pytest.mark.parametrize("control", ["no-store", "private, No-Cache", "max-age=0"])
def test_the_server_may_forbid_to_remember(gateway: Gateway, judge: Judge, control: str) -> None:
    apply(gateway, judge)
    judge.says(200, ("Cache-Control", control))

    assert [get(gateway).status_code for _ in range(2)] == [200, 200]
    judge.says(403)

    # Who comes within the same second has the same answer.
    wait_until(lambda: get(gateway).status_code == 403)


def test_nobody_passes_where_the_server_says_nothing_sound(gateway: Gateway, judge: Judge) -> None:
    apply(gateway, f"http://127.0.0.1:{free_port()}")
    assert get(gateway).status_code == 403

    apply(gateway, judge, requestTimeout=300)
    many = [(f"x-{number}", "y" * 8000) for number in range(20)]
    for name, says in {
        "fails": lambda: judge.says(500),
        "long": lambda: judge.says(200, body=b"x" * 100_000),
        "wide": lambda: judge.says(200, *many),
        "host": lambda: judge.says(200, ("x-envoy-auth-headers-to-remove", "x-a, host")),
        "length": lambda: judge.says(200, ("x-envoy-auth-headers-to-remove", "Content-Length")),
        "no status": lambda: judge.says(999),
        "slow": lambda: judge.says(200, seconds=1),
    }.items():
        says()
        answer = get(gateway, **{"x-user": name})
        assert (answer.status_code, answer.json()) == (403, {"error": "Access is denied."}), name

    judge.says(200)
    assert get(gateway, **{"x-user": "fails"}).status_code == 200, "that it failed is not remembered"


def test_a_long_answer_is_given_and_not_remembered(gateway: Gateway, judge: Judge) -> None:
    apply(gateway, judge)
    judge.says(403, body=b"x" * 20_000)

    answer = get(gateway, **{"x-user": "long"})

    assert answer.json() == {"error": "x" * 20_000}


def test_where_it_only_observes_nobody_is_refused(gateway: Gateway, judge: Judge) -> None:
    apply(gateway, judge, mode="mode: observe,", serviceResponseUpstreamHeaders=["x-role"])
    judge.says(403, ("x-role", "admin"))
    before = len(gateway.reasons(0))

    answer = get(gateway, **{"x-user": "observed", "x-role": "forged"})

    assert answer.status_code == 200
    assert "x-role" not in answer.json()["headers"]
    assert gateway.reasons(before + 1)[before:] == [["decision: the server refused the request with 403"]]
