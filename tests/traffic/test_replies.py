"""What Envoy itself answers is JSON with words in it, whatever it answers to."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.ports import free_port
from tests.traffic.gateway import Gateway
from tests.traffic.test_policies import api, policy

pytestmark = pytest.mark.envoy

UPGRADE = b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
HOST = b"host: a\r\n"


@contextmanager
def answering(reply: bytes) -> Iterator[str]:
    """An upstream that answers each request with these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    if connection.recv(65536):
                        connection.sendall(reply)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def asked(gateway: Gateway, lines: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to these bytes; the body as its length says."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(lines)
        with connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            head = iter(answer.readline, b"\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (one.decode().partition(":") for one in head)
            }
            return status, headers, answer.read(int(headers.get("content-length", 0)))


def is_told(headers: dict[str, str], body: bytes) -> bool:
    return headers["content-type"] == "application/json" and bool(json.loads(body)["error"].strip())


@pytest.mark.parametrize(
    ("status", "lines"),
    [
        (400, b"GET /own/x HTTP/1.1\r\n"),
        (400, b"GET /own/%00x HTTP/1.1\r\n" + HOST),
        (400, b"GET /own/x#y HTTP/1.1\r\n" + HOST),
        (400, b"GET x HTTP/1.1\r\n" + HOST),
        (400, b"GET http:///x HTTP/1.1\r\n" + HOST),
        (400, b"G@T /own/x HTTP/1.1\r\n" + HOST),
        (400, b"\0\1\r\n"),
        (400, b"POST /own/x HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n" + HOST),
        (401, b"GET /own/x HTTP/1.1\r\n" + HOST),
        (403, b"GET /elsewhere/x HTTP/1.1\r\n" + HOST),
        (403, b"GET /dead/x HTTP/1.1\r\nupgrade: other\r\nconnection: upgrade\r\n" + HOST),
        (404, b"GET /nothing HTTP/1.1\r\n" + HOST),
        (404, b"CONNECT a:1 HTTP/1.1\r\n" + HOST),
        (431, b"GET /own/x HTTP/1.1\r\nx: " + b"a" * 70_000 + b"\r\n" + HOST),
        (503, b"GET /dead/x HTTP/1.1\r\n" + HOST),
        (503, b"GET /dead/x HTTP/1.1\r\n" + HOST + UPGRADE),
    ],
    ids=lambda value: str(value)[:40],
)
def test_no_error_is_without_words(gateway: Gateway, status: int, lines: bytes) -> None:
    basic = policy("http-basic-authentication", {"username": "ada", "password": "secret"})
    far = policy("ip-allowlist", {"ips": ["192.0.2.1"]})
    dead = api(name="dead").replace("${upstream}", f"http://127.0.0.1:{free_port()}")
    ack = gateway.apply("---\n".join([api(basic, name="own"), api(far, name="elsewhere"), dead]))
    assert ack.applied, ack.reason

    found, headers, body = asked(gateway, lines + b"\r\n")

    assert found == status
    assert is_told(headers, body)


def test_a_refusal_by_envoy_does_not_name_its_filter(gateway: Gateway) -> None:
    gateway.apply(api(policy("ip-allowlist", {"ips": ["192.0.2.1"]}), name="elsewhere"))

    assert gateway.get("/elsewhere/x").json() == {"error": "Access is denied."}


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (200, b"HTTP/1.1 200 OK\r\nx-own: 1\r\nserver: theirs/1.2\r\ncontent-length: 5\r\n\r\nhello"),
        (302, b"HTTP/1.1 302 Found\r\nx-own: 1\r\nserver: theirs/1.2\r\nlocation: /y\r\n\r\n"),
    ],
)
def test_an_upgrade_that_is_answered_otherwise_says_so(gateway: Gateway, status: int, reply: bytes) -> None:
    with answering(reply) as upstream:
        gateway.apply(api(name="up").replace("${upstream}", upstream))

        found, headers, body = asked(gateway, b"GET /up/x HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n")

    assert (found, headers["x-own"], headers["server"]) == (status, "1", "gatewright")
    assert json.loads(body) == {"error": "The upstream did not accept the upgrade."}


def test_an_upgrade_that_the_upstream_refuses_keeps_its_words(gateway: Gateway) -> None:
    with answering(b"HTTP/1.1 401 No\r\ncontent-length: 4\r\n\r\nnope") as upstream:
        gateway.apply(api(name="up").replace("${upstream}", upstream))

        assert asked(gateway, b"GET /up/x HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n")[::2] == (401, b"nope")


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"x-%d: y\r\n" % one for one in range(101)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx y: z\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 0\r\n\r\n",
        b"SSH-2.0-x\r\n",
    ],
    ids=["many headers", "name", "lengths", "ssh"],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_told_as_that(gateway: Gateway, reply: bytes) -> None:
    with answering(reply) as upstream:
        gateway.apply(api(name="a").replace("${upstream}", upstream))

        answer = gateway.get("/a/x")

    words, _, causes = answer.json()["error"].partition(": ")
    assert (answer.status_code, words) == (502, "The upstream's answer cannot be read")
    assert "too many headers" in causes


def test_headers_of_one_connection_reach_no_upstream(gateway: Gateway) -> None:
    """RFC 9110, 7.6.1. Who may name a header so takes off his own alone: what the gateway writes stays."""
    gateway.apply(api(name="a"))
    sent = b"GET /a/x HTTP/1.1\r\nconnection: x-hop, X-Request-Id, close\r\nx-hop: 1\r\nx-own: 2\r\n" + HOST

    status, _, body = asked(gateway, sent + b"\r\n")
    names = json.loads(body)["headers"].keys()

    assert status == 200
    assert names >= {"x-own", "x-request-id", "x-forwarded-for"}
    assert not names & {"x-hop", "connection", "keep-alive"}


@pytest.mark.parametrize("hosts", [b"", HOST, HOST * 2, b"host: a\r\nhost: b\r\n"])
def test_the_host_of_a_whole_target_is_the_one_that_counts(gateway: Gateway, hosts: bytes) -> None:
    gateway.apply(api(name="a"))

    status, _, body = asked(
        gateway, b"GET http://c.test/a/x HTTP/1.1\r\nconnection: close\r\n" + hosts + b"\r\n"
    )

    assert status == 200
    assert json.loads(body)["headers"]["x-forwarded-host"] == "c.test"
