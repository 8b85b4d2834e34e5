"""What the console hears of a replica that has much to do."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateways.agent.ledger import Ledger
from gateways.agent.link.client import Unreachable
from gateways.agent.link.grants import Grants
from gateways.agent.link.heartbeat import Pulse
from gateways.protocol.messages import Heartbeat, HeartbeatAnswer, ReplicaFacts
from tests.waiting import wait_until


class HearingConsole:
    """Wants what `pull` says, and heartbeats at once."""

    url = "http://console"

    knows_contracts = False

    def __init__(self) -> None:
        self.heard = 0
        self.pull = False
        self.is_away = False

    def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatAnswer:
        self.heard += 1
        if self.is_away:
            raise Unreachable("it does not answer")
        return HeartbeatAnswer.model_construct(
            generation=1, digest="", pull=self.pull, heartbeat_seconds=0.01
        )

    def snapshot(self) -> bytes:
        return b""


class BusyIntake:
    """What is `slow` takes until `free` is set."""

    unsent = None

    def __init__(self) -> None:
        self.slow = ""
        self.free = threading.Event()

    def retry(self) -> None:
        assert self.slow != "retry" or self.free.wait(10)

    def pull(self, body: bytes) -> bool:
        assert self.slow != "pull" or self.free.wait(10)
        return True


@pytest.fixture
def console() -> HearingConsole:
    return HearingConsole()


@pytest.fixture
def intake() -> Iterator[BusyIntake]:
    intake = BusyIntake()
    yield intake
    intake.free.set()


@pytest.fixture
def pulse(console: HearingConsole, intake: BusyIntake, tmp_path: Path) -> Pulse:
    """One that has been heard once, and knows how often the console wants to hear."""
    facts = ReplicaFacts(id="r", name="r", version="1", started_at=datetime.now(UTC))
    grants = Grants(Ledger(tmp_path), tmp_path, "g")
    pulse = Pulse(console, intake, grants, lambda: Heartbeat(replica=facts))  # type: ignore[arg-type]
    pulse.beat()
    return pulse


@pytest.mark.parametrize("slow", ["retry", "pull"])
def test_heartbeats_go_on_while_a_snapshot_is_applied(
    pulse: Pulse, console: HearingConsole, intake: BusyIntake, slow: str
) -> None:
    """One that was pushed, which trying again waits for, or one that was pulled."""
    console.pull, intake.slow, before = True, slow, console.heard
    beating = threading.Thread(target=pulse.beat)

    beating.start()

    wait_until(lambda: console.heard > before + 3)
    assert beating.is_alive()
    intake.free.set()
    beating.join(10)
    assert not beating.is_alive()


def test_a_console_that_is_away_is_asked_no_more_often(pulse: Pulse, console: HearingConsole) -> None:
    console.is_away = True
    before = console.heard

    pulse.beat()

    assert console.heard == before + 1
