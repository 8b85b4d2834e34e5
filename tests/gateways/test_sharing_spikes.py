"""Replicas that share a storage bound bursts together; real Envoys, a real Valkey."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from mmap import mmap
from pathlib import Path

import pytest

from gateways.agent.settings import Proxying
from policies.catalog.spike_control import spikes
from tests.gateways.shared_storage import Server
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.test_policies import api, policy
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy
LIMIT = {"maximumRequests": 5, "timePeriodInMilliseconds": 600_000, "delayAttempts": 0, "exposeHeaders": True}
SLOT = spikes.PAGE + spikes.SHARED_AT


@contextmanager
def replicas(folder: Path, server: Server, **config: object) -> Iterator[tuple[Gateway, Gateway]]:
    text = api(policy("spike-control", LIMIT | config))
    with ExitStack() as stack:
        proxying = Proxying(shared_storage=server.storage)
        one, other = (
            stack.enter_context(running_gateway(text, folder / name, proxying=proxying)) for name in "ab"
        )
        yield one, other


@contextmanager
def mapped(replica: Gateway) -> Iterator[mmap]:
    with spikes.path(replica.envoy.state).open("r+b") as file, mmap(file.fileno(), spikes.SIZE) as memory:
        yield memory


def heard(replica: Gateway) -> int:
    """How many requests the others let pass, as far as it knows."""
    with mapped(replica) as memory:
        return int(spikes.SHARED.unpack_from(memory, SLOT)[3])


def asked(replica: Gateway, times: int) -> list[int]:
    return [replica.get("/orders/x").status_code for _ in range(times)]


def test_what_passes_at_one_replica_counts_at_the_other(tmp_path: Path, server: Server) -> None:
    with replicas(tmp_path, server, distributed=True) as (one, other):
        assert (asked(one, 2), asked(other, 1)) == ([200] * 2, [200])
        wait_until(lambda: [heard(one), heard(other)] == [1, 2])

        told = one.get("/orders/x")
        assert (told.status_code, told.headers["x-ratelimit-remaining"]) == (200, "1")
        wait_until(lambda: heard(other) == 3)
        assert asked(other, 2) == [200, 429]
        assert other.reasons(3)[-1] == [
            "spike: 5 requests in 600000 ms passed already, after 0 of 0 delays",
        ]
        wait_until(lambda: heard(one) == 2)
        refused = one.get("/orders/x")
        assert (refused.status_code, refused.headers["x-ratelimit-remaining"]) == (429, "0")


def test_what_is_counted_in_groups_is_told_one_by_one(tmp_path: Path, server: Server) -> None:
    with replicas(tmp_path, server, distributed=True, maximumRequests=5000) as (one, other):
        assert asked(one, 7) == [200] * 7
        asked(other, 1)

        wait_until(lambda: [heard(one), heard(other)] == [1, 7])
        assert other.get("/orders/x").headers["x-ratelimit-remaining"] == "4991"


def test_others_that_are_silent_count_no_longer(tmp_path: Path, server: Server) -> None:
    with replicas(tmp_path, server, distributed=True) as (one, other):
        assert asked(one, 5) == [200] * 5
        asked(other, 1)
        wait_until(lambda: heard(other) == 5)
        assert asked(other, 1) == [429]

        server.stop()
        with mapped(other) as memory:
            period, name, _, *rest = spikes.SHARED.unpack_from(memory, SLOT)
            spikes.SHARED.pack_into(memory, SLOT, period, name, 0.0, *rest)

        assert asked(other, 1) == [200]


def test_where_it_is_not_distributed_each_counts_for_itself(tmp_path: Path, server: Server) -> None:
    with replicas(tmp_path, server) as (one, other):
        assert (asked(one, 6), asked(other, 6)) == ([200] * 5 + [429], [200] * 5 + [429])
        assert [heard(one), heard(other)] == [0, 0]


def test_a_window_that_is_over_is_told(tmp_path: Path, server: Server) -> None:
    with replicas(tmp_path, server, distributed=True, timePeriodInMilliseconds=1500) as (one, other):
        assert asked(one, 3) == [200] * 3
        assert asked(other, 1) == [200]
        wait_until(lambda: heard(other) == 3)

        wait_until(lambda: other.get("/orders/x").status_code == 200 and heard(other) == 0)
