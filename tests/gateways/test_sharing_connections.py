"""Replicas that share a storage limit WebSocket connections together; real Envoys, a real Valkey."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from mmap import mmap
from pathlib import Path

import pytest

from gateways.agent.settings import Proxying
from policies.counting import connections
from tests.gateways.shared_storage import Server
from tests.traffic.gateway import running_gateway
from tests.traffic.websockets import Limited, Sockets
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    with Sockets() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


def test_what_is_open_at_one_replica_counts_at_the_other(
    tmp_path: Path, server: Server, sockets: Sockets
) -> None:
    with ExitStack() as stack:
        replicas = []
        for folder in ("one", "other"):
            proxying = Proxying(shared_storage=server.storage)
            gateway = stack.enter_context(running_gateway("", tmp_path / folder, proxying=proxying))
            gateway.names["sockets"] = sockets.server_address[1]
            replicas.append(Limited(gateway, "shared"))
            stack.callback(replicas[-1].close)
            replicas[-1].serve(3, distributed=True)
        one, other = replicas

        assert [one.connect(), one.connect(), other.connect()] == [101, 101, 101]
        wait_until(lambda: [heard(one), heard(other)] == [1, 2])
        assert [one.connect(), other.connect()] == [429, 429]
        assert other.gateway.reasons()[-1] == ["connections: 3 are open, 3 may be"]

        one.close()
        wait_until(lambda: heard(other) == 0)
        assert [other.connect(), other.connect(), other.connect()] == [101, 101, 429]
        wait_until(lambda: heard(one) == 3)
        assert one.connect() == 429

        server.stop()
        with mapped(one) as memory:
            # As if the others had been silent for long.
            connections.SHARED_ENTRY.pack_into(memory, connections.SHARED, name(one), 3, 0, 0, 0)
        assert one.connect() == 101


@contextmanager
def mapped(replica: Limited) -> Iterator[mmap]:
    path = connections.path(replica.gateway.envoy.state)
    with path.open("r+b") as file, mmap(file.fileno(), connections.SIZE) as memory:
        yield memory


def name(replica: Limited) -> bytes:
    with mapped(replica) as memory:
        return memory[connections.SHARED : connections.SHARED + 8]


def heard(replica: Limited) -> int:
    """How many connections the others have, as far as it knows."""
    with mapped(replica) as memory:
        return int(connections.SHARED_ENTRY.unpack_from(memory, connections.SHARED)[1])
