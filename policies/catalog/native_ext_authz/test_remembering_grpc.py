"""Answers over gRPC that are remembered say what Envoy's own filter makes of them, and are asked for once."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
import pytest

from policies.catalog.native_ext_authz.checks import METHOD
from policies.catalog.native_ext_authz.wire import Fields, content, contents, fields, text
from tests.ports import free_port
from tests.traffic.gateway import Gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: NAME}
spec:
  address: http://127.0.0.1:${port}/NAME
  services: {upstream: {address: "${upstream}", routes: [{config: {destinationPath: /}}]}}
  policies: [{policyRef: {name: native-ext-authz-flex}, config: CONFIG}]
"""


class Server(grpc.GenericRpcHandler):
    """Answers what it is to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.says(b"")

    def says(self, answer: bytes, code: grpc.StatusCode | None = None, seconds: float = 0) -> None:
        self.answer, self.code, self.seconds = answer, code, seconds

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        return grpc.unary_unary_rpc_method_handler(self._check) if details.method == METHOD else None

    def _check(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.asked.append(request)
        time.sleep(self.seconds)
        if self.code:
            context.abort(self.code, "no")
        return self.answer


@contextmanager
def serving(server: Server, port: int) -> Iterator[str]:
    running = grpc.server(ThreadPoolExecutor(4))
    running.add_generic_rpc_handlers((server,))
    assert running.add_insecure_port(f"127.0.0.1:{port}") == port
    running.start()
    try:
        yield f"h2://127.0.0.1:{port}"
    finally:
        running.stop(None).wait()


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Server, str]]:
    server = Server()
    with serving(server, free_port()) as uri:
        yield server, uri


@pytest.fixture
def server(served: tuple[Server, str]) -> Server:
    server, _ = served
    server.asked.clear()
    server.says(b"")
    return server


@pytest.fixture
def both(gateway: Gateway, served: tuple[Server, str]) -> Gateway:
    """Envoy's own filter at /own, the same with answers that are remembered at /kept."""
    _, uri = served
    apply(gateway, api("own", uri), api("kept", uri, rememberedSeconds=60))
    return gateway


def api(name: str, uri: str, **config: Any) -> str:
    plain = {"uri": uri, "allowedHeaders": ["x-user"], **config}
    return API.replace("NAME", name).replace("CONFIG", json.dumps(plain))


def apply(gateway: Gateway, *apis: str) -> None:
    ack = gateway.apply("---".join(apis))
    assert not [one.reason for one in ack.resources if one.reason], ack.resources


def number(field: int, value: int) -> bytes:
    return bytes([field * 8]) + (bytes([value]) if value < 128 else bytes([value % 128 + 128, value // 128]))


def option(name: str, value: str, more: bytes = b"") -> bytes:
    return text(1, text(1, name) + text(2, value)) + more


def allows(*parts: bytes) -> bytes:
    return text(1, b"") + text(3, b"".join(parts))


def denies(*parts: bytes) -> bytes:
    return text(1, number(1, 7)) + text(2, b"".join(parts))


APPENDED, REPLACED = text(2, number(1, 1)), text(2, number(1, 0))
ANSWERS = {
    "nothing": b"",
    "allowed": allows(),
    "header": allows(text(2, option("X-Role", "admin"))),
    "replaced": allows(text(2, option("x-own", "theirs"))),
    "said to be replaced": allows(text(2, option("x-own", "theirs", REPLACED))),
    "appended": allows(text(2, option("x-own", "theirs", APPENDED))),
    "appended to nothing": allows(text(2, option("x-new", "theirs", APPENDED))),
    "actions": allows(*(text(2, option(f"x-{n}", "a", number(3, n))) for n in range(4))),
    "actions on its own": allows(*(text(2, option("x-own", f"a{n}", number(3, n))) for n in range(4))),
    "raw": allows(text(2, text(1, text(1, "x-raw") + text(3, "value")))),
    "empty": allows(text(2, option("x-own", ""))),
    "removed": allows(text(5, "x-own"), text(5, "X-User")),
    "shown": allows(
        *(text(6, option("x-shown", f"a{n}", number(3, n))) for n in range(4)),
        text(6, option("server", "theirs", number(3, 1))),
        text(6, option("x-other", "a", REPLACED)),
    ),
    "refused": text(1, number(1, 7)),
    "refused in two parts": text(1, number(1, 7)) + text(1, b""),
    "refused in words": denies(text(1, number(1, 402)), text(2, option("x-a", "a")), text(3, 'pay "1"\n')),
    "refused with headers": denies(
        text(2, option("x-why", "a", APPENDED)),
        text(2, option("x-why", "b", APPENDED)),
        text(2, option("location", "/login")),
        text(2, option("set-cookie", "a=1")),
        text(2, option("set-cookie", "b=2")),
        *(text(2, option(f"x-{n}", f"a{n}", number(3, n))) for n in range(4)),
        *(text(2, option("x-many", f"a{n}", number(3, 0))) for n in range(2)),
        text(2, option("x-said", "a", REPLACED)),
        text(2, option("x-said", "b", REPLACED)),
    ),
    "host": allows(text(2, option("host", "other.example"))),
    "many": allows(text(2, option("x-many", "1")), text(2, option("x-many", "2"))),
    "refused beside words that allow": text(1, number(1, 16)) + text(3, text(2, option("x-role", "admin"))),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_is_remembered_is_what_envoy_makes_of_it(both: Gateway, server: Server, name: str) -> None:
    server.says(ANSWERS[name])

    own, first, again = (told(both, path, name) for path in ("own", "kept", "kept"))

    assert first == own
    assert again == own
    assert len(server.asked) == 2


def told(gateway: Gateway, path: str, user: str) -> dict[str, Any]:
    """What the caller and the upstream got."""
    headers = [("x-user", user), ("x-own", "own"), ("x-request-id", "1"), ("host", "a.example")]
    answer = gateway.get(f"/{path}/x?y=1", headers=headers)
    shown = sorted(one for one in answer.headers.multi_items() if one[0] not in ("date", "content-length"))
    return {"status": answer.status_code, "shown": shown, **answer.json()}


@pytest.mark.parametrize(
    "says",
    [
        *(denies(text(1, number(1, status))) for status in (100, 101, 199, 204, 304, 600)),
        *(
            allows(text(2, option(name, value, REPLACED)))
            for name, value in (
                ("content-length", "5"),
                ("Transfer-Encoding", "chunked"),
                ("connection", "upgrade"),
                ("x-envoy-retry-on", "5xx"),
            )
        ),
        allows(text(5, "content-length")),
        allows(text(5, "host")),
    ],
)
def test_nobody_passes_where_the_server_says_how_a_message_is_sent(
    both: Gateway, server: Server, says: bytes
) -> None:
    server.says(says)

    for path in ("own", "kept"):
        answer = both.post(f"/{path}/x", headers={"x-user": repr(says)}, content=b"a" * 100)

        assert (answer.status_code, answer.json()) == (403, {"error": "Access is denied."})


def test_of_a_refusal_in_many_words_the_first_are_told(both: Gateway, server: Server) -> None:
    server.says(denies(text(3, "x" * 200_000)))

    answer = both.get("/own/x", headers={"x-user": "many"})

    assert (answer.status_code, answer.json()) == (403, {"error": "x" * 65_536})


@pytest.mark.parametrize("more", [{}, {"rememberedSeconds": 60}])
def test_nobody_is_refused_for_it_where_the_policy_only_observes(
    gateway: Gateway, served: tuple[Server, str], more: dict[str, Any]
) -> None:
    server, uri = served
    apply(gateway, api("observed", uri, **more).replace("flex}", "flex}, mode: observe"))

    for says in (allows(text(2, option("content-length", "5", REPLACED))), denies(text(1, number(1, 100)))):
        server.says(says)
        answer = gateway.post("/observed/x", headers={"x-user": repr(says)}, content=b"a" * 100)
        assert answer.status_code == 200
        assert answer.json()["body"] == "a" * 100


@pytest.mark.parametrize("path", ["own", "kept"])
def test_a_refusal_has_the_id_of_its_request(both: Gateway, server: Server, path: str) -> None:
    server.says(denies(text(2, option("x-request-id", "theirs"))))

    answer = both.get(f"/{path}/x", headers={"x-user": "its id", "x-request-id": "own"})

    assert answer.status_code == 403
    assert answer.headers.get_list("x-request-id") == ["own"]


def test_the_server_is_told_what_envoy_tells_it(both: Gateway, server: Server) -> None:
    headers = [("x-user", "ada"), ("X-User", "b, c"), ("x-other", "no"), ("host", "a.example:80")]

    for path in ("own", "kept"):
        assert both.post(f"/{path}/x?y=%20", headers=headers, content=b"").status_code == 200

    own, kept = map(asked, server.asked)
    assert own["path"].replace(b"/own/", b"/kept/") == kept["path"]
    assert {**own, "path": b""} == {**kept, "path": b""}
    assert kept["headers"] == {b"x-user": b"ada,b, c"}


def asked(request: bytes) -> dict[str, Any]:
    """Of a CheckRequest, what does not differ between requests that ask the same."""
    attributes = fields(content(fields(request), 1))
    source = fields(content(attributes, 1))
    address = fields(content(fields(content(source, 1)), 1))
    http: Fields = fields(content(fields(content(attributes, 4)), 2))
    pairs = [fields(one) for one in contents(http, 3)]
    return {
        "source": content(address, 2),
        "principal": content(source, 4),
        "headers": {content(one, 1): content(one, 2) for one in pairs},
        **{name: content(http, at) for name, at in {"method": 2, "path": 4, "host": 5, "scheme": 6}.items()},
    }


def test_what_asks_otherwise_is_asked_for_itself(both: Gateway, server: Server) -> None:
    base = f"http://127.0.0.1:{both.port}/kept"
    client = httpx.Client(transport=httpx.HTTPTransport(local_address="127.0.0.2"))

    with client as other:
        for get, method, url, user in (
            (both.client.request, "GET", f"{base}/x", "ada"),
            (both.client.request, "GET", f"{base}/x", "bob"),
            (both.client.request, "GET", f"{base}/y", "ada"),
            (both.client.request, "DELETE", f"{base}/x", "ada"),
            (other.request, "GET", f"{base}/x", "ada"),
        ):
            for _ in range(2):
                assert get(method, url, headers={"x-user": user, "x-other": str(id(url))}).status_code == 200

    assert len(server.asked) == 5


def test_nobody_passes_where_the_server_says_nothing_sound(gateway: Gateway) -> None:
    server, port = Server(), free_port()
    away = f"h2://127.0.0.1:{port}"
    apply(gateway, api("kept", away, rememberedSeconds=60, requestTimeout=500))

    def status(user: str = "ada") -> int:
        return gateway.get("/kept/x", headers={"x-user": user}).status_code

    assert status() == 403
    with serving(server, port):
        wait_until(lambda: status() == 200)
        for number_, says in enumerate(
            (
                lambda: server.says(b"", grpc.StatusCode.PERMISSION_DENIED),
                lambda: server.says(b"", grpc.StatusCode.UNIMPLEMENTED),
                lambda: server.says(allows(text(2, option("x-a", "y" * 70_000)))),
                lambda: server.says(allows(text(7, text(1, "a") + text(2, "b")))),
                lambda: server.says(allows(text(2, option("x-a", "1", number(3, 9))))),
                lambda: server.says(allows(text(2, option(":path", "/elsewhere")))),
                lambda: server.says(allows(text(2, option("x-a", "1\r\nx-b: 2")))),
                lambda: server.says(allows(text(2, option("x a", "1")))),
                lambda: server.says(denies(text(1, number(1, 99)))),
                lambda: server.says(denies(text(1, number(1, 100)))),
                lambda: server.says(denies(text(1, number(1, 199)))),
                lambda: server.says(allows(text(6, option("content-length", "3")))),
                lambda: server.says(b"\xff\xff"),
                lambda: server.says(b"", seconds=1),
            )
        ):
            says()
            assert status(f"user-{number_}") == 403, number_
        server.says(b"")
        assert status("user-0") == 200, "that it failed is not remembered"
