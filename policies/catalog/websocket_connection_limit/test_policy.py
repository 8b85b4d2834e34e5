"""WebSocket connections through a real Envoy: how many are open, and what their ends give back."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from policies.counting import connections
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.raw import connected
from tests.traffic.websockets import ASKED, Limited, Sockets
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def sockets() -> Iterator[Sockets]:
    with Sockets() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, sockets: Sockets) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("gateway"), concurrency=3) as running:
        running.names["sockets"] = sockets.server_address[1]
        yield running


@pytest.fixture
def limited(gateway: Gateway) -> Iterator[Limited]:
    made = Limited(gateway)
    yield made
    made.close()


def test_one_too_many_is_refused_and_room_comes_back(limited: Limited) -> None:
    limited.serve(2)

    assert [limited.connect() for _ in range(4)] == [101, 101, 429, 429]
    limited.open[0].sendall(b"hello")
    assert limited.open[0].recv(5) == b"hello"
    limited.open.pop().close()
    wait_until(lambda: limited.connect() == 101)
    assert limited.connect() == 429


def test_plain_requests_are_never_touched(limited: Limited) -> None:
    limited.serve(1)
    assert limited.connect() == 101

    answers = [limited.gateway.get(f"/{limited.name}/plain").status_code for _ in range(5)]

    assert answers == [403] * 5
    refused = limited.gateway.get(
        f"/{limited.name}/chat", headers={"connection": "upgrade", "upgrade": "websocket"}
    )
    assert refused.json() == {"error": "Too many WebSocket connections are open."}
    told = "connections: 1 are open, 1 may be"
    wait_until(lambda: any(told in reasons for reasons in limited.gateway.reasons()))


def test_upgrade_that_the_upstream_refuses_counts_no_more(limited: Limited) -> None:
    limited.serve(1)
    with connected(limited.gateway.port) as kept:
        # The connection stays open, as a plain one.
        kept.sendall(ASKED.format(name=limited.name, path="/refuse").encode())
        assert kept.recv(4096).split()[1] == b"403"

        assert limited.connect() == 101


def test_upstream_that_hangs_up_gives_back(limited: Limited, sockets: Sockets) -> None:
    limited.serve(3)
    sockets.open.clear()
    assert [limited.connect() for _ in range(4)] == [101, 101, 101, 429]

    for one in list(sockets.open):
        one.shutdown(socket.SHUT_RDWR)
    sockets.open.clear()

    wait_until(lambda: limited.connect() == 101)


@pytest.mark.parametrize("maximum", [1, 7, 40])
def test_exactly_as_many_whatever_the_threads(limited: Limited, maximum: int) -> None:
    limited.serve(maximum)

    for _ in range(2):
        with ThreadPoolExecutor(12) as pool:
            statuses = list(pool.map(lambda _: limited.connect(), range(maximum + 12)))
        assert sorted(statuses) == [101] * maximum + [429] * 12
        limited.close()
        wait_until(lambda: limited.connect() == 101)
        limited.close()
        wait_until(lambda: not alive(limited.gateway))


def alive(gateway: Gateway) -> bool:
    """Whether Envoy holds a connection of a client; its own and those to the upstream do not count."""
    table = Path(f"/proc/{gateway.envoy.pid}/net/tcp").read_text().splitlines()[1:]
    here = f":{gateway.port:04X}"
    return any(fields[1].endswith(here) and fields[3] == "01" for fields in map(str.split, table))


def test_changed_limit_counts_those_that_are_open(limited: Limited) -> None:
    limited.serve(3)
    assert [limited.connect() for _ in range(3)] == [101] * 3

    limited.serve(2)

    assert limited.connect() == 429
    limited.open.pop().close()
    limited.open.pop().close()
    wait_until(lambda: limited.connect() == 101)


def test_observed_it_counts_and_refuses_nothing(limited: Limited) -> None:
    limited.serve(1, mode="observe")

    assert [limited.connect() for _ in range(3)] == [101] * 3


def test_a_death_in_the_middle_of_a_change_forgets_nobody(limited: Limited) -> None:
    limited.serve(2)
    assert [limited.connect() for _ in range(2)] == [101] * 2
    file = connections.path(limited.gateway.envoy.state)
    die_in_the_middle = f"""
import ctypes, mmap, os
with open({str(file)!r}, "r+b") as file:
    memory = mmap.mmap(file.fileno(), {connections.SIZE})
lock = (ctypes.c_char * 128).from_buffer(memory, {connections.HEADER.size})
assert ctypes.CDLL(None).pthread_mutex_lock(lock) == 0
memory[{connections.OWNERS} + 8:{connections.OWNERS} + 16] = bytes(8)
os._exit(0)
"""
    subprocess.run([sys.executable, "-c", die_in_the_middle], check=True, timeout=30)

    assert limited.connect() == 429


@contextmanager
def own_gateway(folder: Path, sockets: Sockets) -> Iterator[Limited]:
    with running_gateway("", folder, concurrency=2) as gateway:
        gateway.names["sockets"] = sockets.server_address[1]
        yield Limited(gateway)


def test_killed_envoy_gives_back_all(tmp_path: Path, sockets: Sockets) -> None:
    with own_gateway(tmp_path, sockets) as limited:
        limited.serve(2)
        assert [limited.connect() for _ in range(3)] == [101, 101, 429]

        os.kill(limited.gateway.envoy.pid, signal.SIGKILL)
        limited.close()
        limited.gateway.envoy.stop()
        limited.gateway.envoy.start()
        limited.serve(2)

        assert [limited.connect() for _ in range(3)] == [101, 101, 429]
        limited.close()
