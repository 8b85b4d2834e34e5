"""Upstreams that fail in every way: what the access log says of it is what callers had."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from gateways.agent.settings import Proxying
from gateways.agent.traffic.labels import Labels
from gateways.agent.traffic.tally import Tally
from gateways.protocol.messages import RequestSample
from tests.certificates import self_signed
from tests.ports import free_port
from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

Behaviour = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n"


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    patience = Proxying(upstream_response_seconds=1, stream_idle_seconds=3)
    with running_gateway("", tmp_path_factory.mktemp("gateway"), proxying=patience) as running:
        yield running


@contextmanager
def upstream(behave: Behaviour) -> Iterator[int]:
    """The port of one that does with each request's connection what it is told."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with connection:
            behave(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def closes(connection: socket.socket) -> None:
    connection.recv(4096)


def resets(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def cuts(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(HEAD + b"half")


def babbles(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"hello\r\n\r\n")
    time.sleep(0.5)


def boasts(connection: socket.socket) -> None:
    """With more headers than Envoy reads, which it tells like what is no HTTP. It waits for no end of theirs:
    where that came in time, Envoy lets a few KB more through.
    """
    connection.recv(4096)
    with suppress(OSError):
        connection.sendall(b"HTTP/1.1 200 OK\r\nx-a: " + b"a" * 100_000)
    time.sleep(5)


def is_mute(connection: socket.socket) -> None:
    connection.recv(4096)
    time.sleep(5)


def is_broken(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 503 Broken\r\ncontent-length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("behave", "reason", "detail", "status"),
    [
        (closes, "reset", "", 503),
        (resets, "reset", "", 503),
        (cuts, "cut", "closed", 200),
        (babbles, "protocol_error", "", 502),
        (boasts, "protocol_error", "", 502),
        (is_mute, "response_timeout", "", 504),
        (is_broken, "server_error", "503", 503),
    ],
)
def test_an_upstream_that_fails(
    impatient: Gateway, behave: Behaviour, reason: str, detail: str, status: int
) -> None:
    with upstream(behave) as port:
        sample = asked(impatient, f"http://127.0.0.1:{port}")

    assert (sample.failure, sample.failure_detail, sample.status) == (reason, detail, status)
    assert sample.upstream_host == sample.upstream_address == f"127.0.0.1:{port}"


def test_nobody_listens(impatient: Gateway) -> None:
    port = free_port()

    sample = asked(impatient, f"http://localhost:{port}")

    assert sample.failure == "connection_refused"
    assert (sample.upstream_host, sample.upstream_address) == (f"localhost:{port}", f"127.0.0.1:{port}")


def test_a_name_that_does_not_resolve(impatient: Gateway) -> None:
    sample = asked(impatient, "http://no-such-host.invalid")

    assert (sample.failure, sample.upstream_host) == ("dns_failure", "no-such-host.invalid:80")


def test_a_certificate_that_nobody_trusts(impatient: Gateway, tmp_path: Path) -> None:
    pair = self_signed()
    (tmp_path / "pair.pem").write_text(pair["key"] + pair["crt"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pair.pem")

    def speaks_tls(connection: socket.socket) -> None:
        with suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as wrapped:
            wrapped.recv(4096)

    with upstream(speaks_tls) as port:
        sample = asked(impatient, f"https://127.0.0.1:{port}")

    assert (sample.failure, sample.failure_detail) == ("tls_failure", "self_signed")


def test_an_upstream_that_speaks_no_tls(impatient: Gateway) -> None:
    with upstream(is_broken) as port:
        sample = asked(impatient, f"https://127.0.0.1:{port}")

    assert (sample.failure, sample.failure_detail) == ("tls_failure", "no_tls")


def asked(gateway: Gateway, address: str) -> RequestSample:
    """What is counted of one request to an API with this upstream."""
    api = f"""
        apiVersion: gateway.mulesoft.com/v1alpha1
        kind: ApiInstance
        metadata: {{name: failing}}
        spec:
          address: http://127.0.0.1:${{port}}/failing
          services: {{upstream: {{address: "{address}"}}}}
    """
    ack = gateway.apply(api)
    assert ack.applied and not [one.reason for one in ack.resources if one.reason], ack
    log = gateway.envoy.state / "access.log"
    before = log.stat().st_size if log.exists() else 0
    with suppress(httpx.RemoteProtocolError):
        gateway.get("/failing/x")
    wait_until(lambda: log.exists() and log.stat().st_size > before)
    with log.open("rb") as stream:
        stream.seek(before)
        lines = stream.read().splitlines()
    tally = Tally(Labels(), 10)
    for line in lines:
        tally.add(line)
    batch = tally.batch("replica", "1", 0, 1)
    (count,), (sample,) = batch.counts, batch.samples
    assert not batch.shed
    assert (count.failure, count.upstream_host) == (sample.failure, sample.upstream_host)
    return sample
