"""SIGTERM: what was begun is finished, what is idle goes, and no more time is taken than that needs."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.agent.xds import access_log
from tests.faults import http2
from tests.faults.holding import HoldingServer, holding
from tests.faults.local_process import LocalProcess
from tests.traffic.raw import connected
from tests.waiting import wait_until

pytestmark = [pytest.mark.envoy, pytest.mark.faults]

FAR_AWAY = {"FLEX_SERVICE_ENVOY_DRAIN_TIME": "600"}
"""A drain that ends within a test ended for another reason."""


@pytest.fixture
def upstream() -> Iterator[HoldingServer]:
    with holding() as server:
        yield server


def running(folder: Path, upstream: HoldingServer, settings: dict[str, str]) -> LocalProcess:
    return LocalProcess(folder, upstream.url, settings).start()


def test_drain_cuts_nothing_that_was_begun(tmp_path: Path, upstream: HoldingServer) -> None:
    gateway = running(tmp_path, upstream, FAR_AWAY)
    try:
        idle, held, upload, chat = (connected(gateway.port) for _ in range(4))
        ask(idle, "/a")
        assert b"connection:" not in answer(idle)
        ask(held, "/a/hold")
        upload.sendall(b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n12345")
        upgrade(chat)
        with http2.Connection(gateway.port) as idle2, http2.Connection(gateway.port) as held2:
            idle2.ask("/a")
            assert idle2.body() == b"ok"
            held2.ask("/a/hold")
            wait_until(lambda: upstream.held == 2)

            gateway.signal(signal.SIGTERM)
            wait_until(lambda: not gateway.is_ready())

            assert any(one.kind == http2.GOAWAY for one in idle2.frames())
            assert idle.recv(1) == b""
            late = connected(gateway.port)
            ask(late, "/a")
            assert b"connection: close" in answer(late)
            assert gateway.is_running()
            upstream.release.set()
            assert b"connection: close" in answer(held)
            assert held2.body() == b"ok"
            assert any(one.kind == http2.GOAWAY for one in held2.frames())
        upload.sendall(b"67890")
        assert answer(upload).endswith(b"\r\n\r\n10")
        chat.sendall(b"still here")
        assert chat.recv(10) == b"still here"
        assert gateway.is_running()

        chat.close()
        assert gateway.ends(60) == 0
        assert not gateway.envoy_pid
        assert statuses(gateway) == [101, *[200] * 6]
    finally:
        gateway.end()


def test_second_signal_ends_the_drain(tmp_path: Path, upstream: HoldingServer) -> None:
    gateway = running(tmp_path, upstream, FAR_AWAY)
    try:
        chat = connected(gateway.port)
        upgrade(chat)
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: not gateway.is_ready())
        assert gateway.is_running()

        gateway.signal(signal.SIGINT)

        assert gateway.ends(30) == 0
        assert chat.recv(1) == b""
    finally:
        gateway.end()


def test_drain_time_bounds_the_drain(tmp_path: Path, upstream: HoldingServer) -> None:
    gateway = running(tmp_path, upstream, {"FLEX_SERVICE_ENVOY_DRAIN_TIME": "1"})
    try:
        chat = connected(gateway.port)
        upgrade(chat)

        gateway.signal(signal.SIGTERM)

        assert gateway.ends(30) == 0
        assert chat.recv(1) == b""
    finally:
        gateway.end()


def test_agent_killed_while_draining_comes_back_with_another_envoy(
    tmp_path: Path, upstream: HoldingServer
) -> None:
    gateway = running(tmp_path, upstream, {"FLEX_SERVICE_ENVOY_DRAIN_TIME": "10"})
    try:
        keeper = connected(gateway.port)
        upgrade(keeper)
        gateway.signal(signal.SIGTERM)
        wait_until(lambda: not gateway.is_ready())
        drained = gateway.envoy_pid
        gateway.signal(signal.SIGKILL)
        gateway.ends(10)
        keeper.close()

        gateway.start()

        assert gateway.envoy_pid != drained
        assert "envoy=replaced" in gateway.printed
        assert gateway.status() == 200
    finally:
        gateway.end()


def ask(connection: socket.socket, path: str) -> None:
    connection.sendall(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode())


def answer(connection: socket.socket) -> bytes:
    """Head and body of an answer that has a content-length."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(4096)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(4096)
    return head + b"\r\n\r\n" + body


def upgrade(connection: socket.socket) -> None:
    connection.sendall(
        b"GET /a HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert connection.recv(4096).startswith(b"HTTP/1.1 101 ")


def statuses(gateway: LocalProcess) -> list[int]:
    lines = (gateway.state / "access.log").read_bytes().splitlines()
    keys = [access_log.key(access_log.fields(line)[1]) for line in lines]
    return sorted(key.status for key in keys if key)
