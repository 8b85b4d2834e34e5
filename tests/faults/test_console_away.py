"""A replica restarts while its console is away: it serves what it stored, and ships its counts afterwards."""

import signal
from pathlib import Path

import pytest

from gateways.agent.store import SnapshotStore
from tests.faults.site import Site
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.envoy]


def test_replica_serves_from_its_store_and_ships_afterwards(site: Site) -> None:
    site.wire.cut()
    site.restart()

    with site.load() as load:
        load.answer(50)
    wait_until(lambda: "reachable=false" in site.agent.log)
    alone = site.counted()
    site.wire.mend()

    assert load.failed == {}
    assert alone == 0
    site.check_account()


@pytest.mark.long
def test_console_that_hangs_does_not_hold_up_the_end(site: Site) -> None:
    with site.load() as load:
        site.wire.hang()
        heartbeat, counts = 1, 1
        wait_until(lambda: site.wire.held >= heartbeat + counts, 20)
        site.agent.send(signal.SIGTERM)
        wait_until(lambda: "draining_seconds=" in site.agent.log, 10)
        load.answer(20)
    code = site.agent.wait()
    site.wire.mend()
    site.agent.start()
    wait_until(lambda: site.is_serving, 20)

    assert code == 0
    assert load.failed == {}
    site.check_account()


@pytest.mark.parametrize("damage", ["cut off", "flipped"])
def test_damaged_snapshot_is_refused_and_the_one_before_used(site: Site, damage: str) -> None:
    site.wait_until_heard()
    before = site.gateway.generation
    newer = site.add_api(f"newer-{before}")
    site.deploy(newer)
    wait_until(lambda: site.is_applied(newer), 30)
    site.wire.cut()
    (spoil if damage == "flipped" else cut_off)(site.agent.state / "snapshot.json")
    told = len(site.agent.log)

    site.restart()
    wait_until(lambda: f"generation={before} " in site.agent.log[told:], 20)
    with site.load() as load:
        load.answer(20)
    site.wire.mend()

    why = "some of it was altered" if damage == "flipped" else "it is cut off"
    [refusal] = [line for line in site.agent.log[told:].splitlines() if "snapshot.json used=false" in line]
    assert why in refusal
    assert f"snapshot.previous.json used=true generation={before}" in site.agent.log[told:]
    assert load.failed == {}
    site.wait_until_heard()
    site.check_account()


def test_without_a_sound_snapshot_what_envoy_has_is_served_until_the_console_is_back(site: Site) -> None:
    site.wait_until_heard()
    site.wire.cut()
    for name in ("snapshot.json", "snapshot.previous.json"):
        spoil(site.agent.state / name)
    told = len(site.agent.log)

    site.restart()
    with site.load() as load:
        load.answer(20)
        site.wire.mend()
        site.wait_until_heard()
        load.answer(20)

    assert site.agent.log[told:].count("used=false") == 2
    assert f"generation={site.gateway.generation} applied=true" in site.agent.log[told:]
    assert SnapshotStore(site.agent.state).load() is not None
    assert load.failed == {}
    site.check_account()


def spoil(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
