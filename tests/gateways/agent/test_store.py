"""What a replica finds again after a restart, and what it makes of a damaged file."""

import logging
from pathlib import Path

import pytest

from gateways.agent.resources import digest
from gateways.agent.sources import load_text
from gateways.agent.store import Store, Stored

API = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {{name: orders-{0}, namespace: sandbox}}
spec: {{address: "http://0.0.0.0:8081/{0}"}}
"""


def stored(generation: int, **serving: int) -> Stored:
    resources = tuple(load_text(API.format(generation)).resources)
    kept = {("sandbox", name): generation for name, generation in serving.items()}
    return Stored(generation, digest(resources), resources, kept)


def saved(folder: Path, *snapshots: Stored) -> Store:
    store = Store(folder)
    for snapshot in snapshots:
        store.save(snapshot)
    return store


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_the_newest_snapshot_is_found_again(tmp_path: Path) -> None:
    saved(tmp_path, stored(1), stored(2))

    assert Store(tmp_path).load() == stored(2)


def test_an_empty_folder_holds_none(tmp_path: Path) -> None:
    assert Store(tmp_path).load() is None


@pytest.mark.parametrize("position", [0, 15, 40, -70, -1])
def test_a_flipped_bit_is_found_and_the_one_before_is_used(
    tmp_path: Path, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    saved(tmp_path, stored(1), stored(2))

    flip(tmp_path / "snapshot.json", position)

    assert Store(tmp_path).load() == stored(1)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert f"{tmp_path}/snapshot.json used=false" in told[0]


@pytest.mark.parametrize("size", [0, 1, 100, -1, -80])
def test_a_file_cut_off_is_found_and_the_one_before_is_used(
    tmp_path: Path, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    saved(tmp_path, stored(1), stored(2))
    path = tmp_path / "snapshot.json"

    path.write_bytes(path.read_bytes()[:size])

    assert Store(tmp_path).load() == stored(1)
    assert "it is cut off" in caplog.text


def test_without_a_sound_one_it_starts_with_nothing(tmp_path: Path) -> None:
    saved(tmp_path, stored(1), stored(2))

    for name in ("snapshot.json", "snapshot.previous.json"):
        flip(tmp_path / name, 20)

    assert Store(tmp_path).load() is None


def test_a_damaged_one_never_replaces_the_one_before(tmp_path: Path) -> None:
    saved(tmp_path, stored(1), stored(2))
    flip(tmp_path / "snapshot.json", 20)
    store = Store(tmp_path)
    store.load()

    store.save(stored(3))
    flip(tmp_path / "snapshot.json", 20)

    assert Store(tmp_path).load() == stored(1)


def test_what_an_api_still_runs_on_is_kept(tmp_path: Path) -> None:
    store = saved(tmp_path, stored(1), stored(2, orders=1), stored(3, orders=1))

    assert store.load_kept(1) == stored(1).resources
    flip(tmp_path / "kept" / "1.json", 20)

    assert store.load_kept(1) == ()
