"""Replicas that share a storage count together; real Envoys, a real Valkey."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from redis import Redis

from gateways.agent.settings import Proxying
from gateways.protocol.shared_storage import SharedStorage
from policies.counting import shared_memory
from tests.gateways import shared_storage
from tests.gateways.shared_storage import Server
from tests.ports import free_port
from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

LONG = 300 * 86_400_000
"""Windows that begin so seldom that none begins while a test runs."""
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {{name: {name}}}
spec:
  address: http://127.0.0.1:${{port}}/{name}
  services: {{echo: {{address: "${{upstream}}"}}}}
  policies:
  - policyRef: {{name: rate-limiting}}
    config: {{rateLimits: [{{maximumRequests: {most}, timePeriodInMilliseconds: {period}}}], {config}}}
"""
SENT = 210
KEY = "keySelector: \"#[attributes.headers['x-key']]\""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One for all."""
    with shared_storage.running() as one:
        yield one


@pytest.fixture
def storage(server: Server) -> Iterator[SharedStorage]:
    """With nothing counted yet."""
    with Redis(port=server.storage.port, password=server.storage.password) as client:
        client.flushall()
    return server.storage


@contextmanager
def replicas(yaml: str, folder: Path, storage: SharedStorage, many: int = 2) -> Iterator[list[Gateway]]:
    with ExitStack() as started:
        yield [
            started.enter_context(
                running_gateway(yaml, folder / str(one), proxying=Proxying(shared_storage=storage))
            )
            for one in range(many)
        ]


def told(gateway: Gateway, requests: int) -> None:
    """Once the replica has told others of so many, and heard of theirs."""
    wait_until(lambda: any(one.sent >= requests for one in cells(gateway)))


def cells(gateway: Gateway) -> list[shared_memory.Cell]:
    content = shared_memory.path(gateway.envoy.state).read_bytes()
    places = range(shared_memory.PAGE, shared_memory.SIZE, shared_memory.CELL_BYTES)
    found = [shared_memory.Cell(*shared_memory.CELL.unpack_from(content, at)) for at in places]
    return [one for one in found if one.is_shared]


def statuses(gateway: Gateway, many: int, path: str = "/a", **headers: str) -> list[int]:
    return [gateway.get(path, headers=headers).status_code for _ in range(many)]


def test_what_one_replica_counted_the_other_knows(tmp_path: Path, storage: SharedStorage) -> None:
    yaml = API.format(name="a", most=5, period=LONG, config=f"exposeHeaders: true, {KEY}")
    with replicas(yaml, tmp_path, storage) as (one, other):
        assert statuses(one, 3, **{"x-key": "k" * 200}) == [200, 200, 200]
        told(one, 3)
        # The first of a key is what it asks with; the next knows.
        assert statuses(other, 1, **{"x-key": "k" * 200}) == [200]
        told(other, 1)

        assert statuses(other, 2, **{"x-key": "k" * 200}) == [200, 429]
        told(other, 2)
        assert statuses(one, 1, **{"x-key": "another"}) == [200]
        refused = one.get("/a", headers={"x-key": "k" * 200})
        assert refused.headers["x-ratelimit-remaining"] in ("0", "1")


def test_windows_are_those_of_the_clock(tmp_path: Path, storage: SharedStorage) -> None:
    yaml = API.format(name="a", most=1, period=LONG, config="exposeHeaders: true")
    with replicas(yaml, tmp_path, storage, many=1) as (gateway,):
        answer = gateway.get("/a")

    ends = time.time() * 1000 + int(answer.headers["x-ratelimit-reset"])
    assert abs(ends / LONG - round(ends / LONG)) * LONG < 60_000


def test_many_replicas_let_pass_little_more_than_one(tmp_path: Path, storage: SharedStorage) -> None:
    yaml = API.format(name="a", most=200, period=LONG, config="")
    with replicas(yaml, tmp_path, storage, many=3) as gateways, ThreadPoolExecutor(3) as at_once:

        def slowly(gateway: Gateway) -> int:
            passed = 0
            for _ in range(SENT):
                passed += gateway.get("/a").status_code == 200
                time.sleep(0.002)  # As callers come, not as fast as can be.
            return passed

        passed = sum(at_once.map(slowly, gateways))
        again = [gateway.get("/a").status_code for gateway in gateways]

    assert 200 <= passed < 3 * 200
    assert again == [429, 429, 429]


def test_a_contracts_quota_is_one_for_all_replicas(tmp_path: Path, storage: SharedStorage) -> None:
    api = API.format(name="a", most=1, period=LONG, config="").partition("  policies:")[0]
    yaml = f"""{api}  policies: [{{policyRef: {{name: rate-limiting-sla-based}}}}]
---
apiVersion: gatewright.dev/v1alpha1
kind: Contract
metadata: {{name: shop}}
spec:
  apiId: a
  client: {{id: shop, name: Web shop}}
  sla: {{limits: [{{maximumRequests: 5, timePeriodInMilliseconds: {LONG}}}]}}
"""
    with replicas(yaml, tmp_path, storage) as (one, other):
        assert statuses(one, 3, client_id="shop") == [200, 200, 200]
        told(one, 3)
        assert statuses(other, 1, client_id="shop") == [200]
        told(other, 1)

        assert statuses(other, 2, client_id="shop") == [200, 429]


def test_what_is_not_shared_is_counted_for_itself(tmp_path: Path, storage: SharedStorage) -> None:
    short = API.format(name="short", most=1000, period=999, config="")
    own = API.format(name="own", most=2, period=LONG, config="clusterizable: false")
    with replicas(f"{own}\n---{short}", tmp_path, storage) as (one, other):
        for gateway in (one, other):
            assert statuses(gateway, 3, "/own") == [200, 200, 429]
            assert statuses(gateway, 1, "/short") == [200]
            assert cells(gateway) == []


def test_a_storage_that_is_away_is_as_the_policy_says(tmp_path: Path) -> None:
    nobody = SharedStorage("127.0.0.1", free_port())
    closed = API.format(name="closed", most=5, period=LONG, config="")
    open_ = API.format(name="open", most=2, period=LONG, config="blockOnUnknownQuota: false")
    with replicas(f"{closed}\n---{open_}", tmp_path, nobody, many=1) as (gateway,):
        answer = gateway.get("/closed")

        assert (answer.status_code, answer.json()) == (
            503,
            {"error": "The quota of this request is not known."},
        )
        assert gateway.reasons(1) == [["quota-unknown: the shared storage has not answered for 15 s"]]
        assert statuses(gateway, 3, "/open") == [200, 200, 429]
        wait_until(lambda: "does not answer" in gateway.applier.sharing.trouble)


def test_what_others_counted_is_not_told_as_ours_once_it_is_shared_again(
    tmp_path: Path, storage: SharedStorage
) -> None:
    api = API.format(name="a", most=100, period=LONG, config="")
    document = f"""---
apiVersion: gatewright.dev/v1alpha1
kind: Configuration
metadata: {{name: storage}}
spec: {{sharedStorage: {{redis: {{address: "127.0.0.1:{storage.port}", password: a secret, DB: 3}}}}}}
"""
    with (
        running_gateway(api + document, tmp_path) as gateway,
        Redis(port=storage.port, password=storage.password, db=storage.database) as client,
    ):
        gateway.get("/a")
        told(gateway, 1)
        name = client.keys("gatewright:count:*")[0]
        client.incrby(name, 5)
        gateway.get("/a")
        told(gateway, 2)
        gateway.apply(api)
        gateway.get("/a")
        gateway.apply(api + document)
        gateway.get("/a")
        wait_until(lambda: any(one.sent == one.requests == 9 for one in cells(gateway)))

        assert client.get(name) == b"9"


def test_a_storage_that_comes_and_goes(tmp_path: Path, server: Server, storage: SharedStorage) -> None:
    """Named by a resource this time, killed, started anew, and taken away again."""
    api = API.format(name="a", most=4, period=LONG, config="blockOnUnknownQuota: false")
    document = f"""---
apiVersion: gatewright.dev/v1alpha1
kind: Configuration
metadata: {{name: storage}}
spec: {{sharedStorage: {{redis: {{address: "127.0.0.1:{storage.port}", password: a secret, DB: 3}}}}}}
"""
    with running_gateway(api, tmp_path) as gateway:
        sharing = gateway.applier.sharing
        assert statuses(gateway, 1) == [200]
        assert gateway.apply(api + document).applied
        assert statuses(gateway, 1) == [200]
        told(gateway, 1)
        server.stop()
        assert statuses(gateway, 1) == [200]
        wait_until(lambda: "does not answer" in sharing.trouble)
        assert "a secret" not in sharing.trouble
        server.start()
        told(gateway, 3)
        assert (sharing.trouble, statuses(gateway, 2)) == ("", [200, 429])
        assert gateway.apply(api.replace("maximumRequests: 4", "maximumRequests: 6")).applied
        assert statuses(gateway, 3) == [200, 200, 429]
