"""What a policy says of itself is one folder, too: replicas exchange it, and console and gateway heed it."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from apis.rules import upstream_settings
from gateways.agent.sharing.exchange import exchange
from gateways.protocol.upstream_settings import UpstreamSettings
from tests.gateways import shared_storage
from tests.policies.newcomers import newcomers
from tests.waiting import wait_until

GREETING = """
from pathlib import Path
from policies.compiled import Compiled, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.traits import Limit, Storage

class Config(PolicyConfig):
    pass

def compile(config: Config, scope: Scope) -> Compiled:
    return Compiled()

class Greeting:
    def __init__(self, state: Path) -> None:
        self.file = state / "heard"

    def changed(self) -> bool:
        return True

    def tell(self, storage: Storage) -> None:
        told = storage.eval("return redis.call('INCR', KEYS[1])", 1, "gatewright:greeting")
        self.file.write_text(str(told))

    def heard(self) -> None:
        pass

    def again(self) -> None:
        pass

POLICY = Policy(
    name="greet-replicas", title="Greet replicas", category=Category.SECURITY, phase=Phase.LIMIT,
    summary="Greets.", version="1.0.0", config=Config, compile=compile, shares=Greeting, is_outbound=True,
    limits=lambda config: [Limit(5, 1000)], says_setting="retries",
)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with newcomers(tmp_path_factory.mktemp("policies"), greet_replicas=GREETING):
        yield


def test_what_replicas_exchange_is_one_folder(tmp_path: Path) -> None:
    over, troubles = threading.Event(), list[str]()
    with shared_storage.running() as server:
        given = server.storage, tmp_path, over, troubles.append
        thread = threading.Thread(target=exchange, args=given, daemon=True)
        thread.start()
        wait_until((tmp_path / "heard").exists)
        with Redis(port=server.storage.port, password=server.storage.password, db=3) as client:
            wait_until(lambda: int(client.get("gatewright:greeting") or 0) > 1)
        over.set()
        thread.join(5)

    assert set(troubles) == {""}


def test_what_a_policy_says_of_an_upstream_is_one_folder() -> None:
    settings = UpstreamSettings.model_validate({"retries": {"most": 2}})

    told = upstream_settings.beside("greet-replicas", settings)

    assert told == "Policy greet-replicas of this upstream says it too; keep one of the two."
    assert upstream_settings.beside("retry", settings) is None
