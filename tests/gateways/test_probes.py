"""The control interface: probes, and nothing else."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from gateways.agent.probes import ProbeServer


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    control = ProbeServer(is_ready=lambda: False, is_live=lambda: True)
    port = control.start("127.0.0.1", 0)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    control.stop()


def test_probes_need_no_signature(client: httpx.Client) -> None:
    assert client.get("/probes/liveness").status_code == 200
    assert client.get("/probes/readiness").status_code == 503


def test_nothing_is_taken(client: httpx.Client) -> None:
    assert client.put("/v1/snapshot", content=b"{}").status_code == 404


def test_who_sends_no_request_in_time_is_not_waited_for() -> None:
    control = ProbeServer(is_ready=lambda: True, is_live=lambda: True, head_seconds=0.1)
    port = control.start("127.0.0.1", 0)

    with half_asked(port) as caller:
        assert caller.recv(100) == b""
    control.stop()


def test_many_who_send_no_request_take_a_probe_nothing() -> None:
    control = ProbeServer(is_ready=lambda: True, is_live=lambda: True, head_seconds=600, most=2)
    port = control.start("127.0.0.1", 0)

    with ExitStack() as callers:
        waiting = [callers.enter_context(half_asked(port)) for _ in range(4)]
        assert httpx.get(f"http://127.0.0.1:{port}/probes/readiness").status_code == 200
        assert sum(is_closed(one) for one in waiting) == 3
    control.stop()


def half_asked(port: int) -> socket.socket:
    caller = socket.create_connection(("127.0.0.1", port), timeout=20)
    caller.sendall(b"GET /probes/readiness HTTP/1.1\r\nHost: x\r\nX-Half: ")
    return caller


def is_closed(caller: socket.socket) -> bool:
    caller.setblocking(False)
    try:
        return caller.recv(100) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True
