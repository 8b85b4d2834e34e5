"""What a replica finds again after a restart, and what it makes of a damaged file."""

import errno
import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest

from gateways.agent.sources.files import load_text
from gateways.agent.store import SnapshotStore, Stored, _json, _text
from gateways.protocol.resources import ApiInstance, digest

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


def saved(folder: Path, *snapshots: Stored) -> SnapshotStore:
    store = SnapshotStore(folder)
    for snapshot in snapshots:
        store.save(snapshot)
    return store


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_the_newest_snapshot_is_found_again(tmp_path: Path) -> None:
    saved(tmp_path, stored(1), stored(2))

    assert SnapshotStore(tmp_path).load() == stored(2)


def test_an_empty_folder_holds_none(tmp_path: Path) -> None:
    assert SnapshotStore(tmp_path).load() is None


@pytest.mark.parametrize("position", [0, 15, 40, -70, -1])
def test_a_flipped_bit_is_found_and_the_one_before_is_used(
    tmp_path: Path, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    saved(tmp_path, stored(1), stored(2))

    flip(tmp_path / "snapshot.json", position)

    assert SnapshotStore(tmp_path).load() == stored(1)
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

    assert SnapshotStore(tmp_path).load() == stored(1)
    assert "it is cut off" in caplog.text


def test_without_a_sound_one_it_starts_with_nothing(tmp_path: Path) -> None:
    saved(tmp_path, stored(1), stored(2))

    for name in ("snapshot.json", "snapshot.previous.json"):
        flip(tmp_path / name, 20)

    assert SnapshotStore(tmp_path).load() is None


def test_a_damaged_one_never_replaces_the_one_before(tmp_path: Path) -> None:
    saved(tmp_path, stored(1), stored(2))
    flip(tmp_path / "snapshot.json", 20)
    store = SnapshotStore(tmp_path)
    store.load()

    store.save(stored(3))
    flip(tmp_path / "snapshot.json", 20)

    assert SnapshotStore(tmp_path).load() == stored(1)


def test_a_copied_file_says_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    saved(folder, stored(1), stored(2, orders=1))
    copied = [folder / "snapshot.json", folder / "snapshot.previous.json", folder / "kept" / "1.json"]

    assert not [path for path in copied if b"orders" in path.read_bytes()]
    assert (folder / "state.key").stat().st_mode & 0o777 == 0o600
    assert SnapshotStore(folder).load() == stored(2, orders=1)


def test_what_an_older_release_wrote_is_read_and_encrypted(tmp_path: Path) -> None:
    text = _text(stored(4), [one.model_dump_json(by_alias=True).encode() for one in stored(4).resources])
    plain = text + b"\nsha256 " + hashlib.sha256(text).hexdigest().encode() + b"\n"
    (tmp_path / "kept").mkdir()
    paths = [tmp_path / "snapshot.json", tmp_path / "snapshot.previous.json", tmp_path / "kept" / "4.json"]
    for path in paths:
        path.write_bytes(plain)

    assert SnapshotStore(tmp_path).load() == stored(4)
    assert not [path for path in paths if b"orders" in path.read_bytes()]
    assert SnapshotStore(tmp_path).load() == stored(4)
    assert SnapshotStore(tmp_path).load_kept(4) == stored(4).resources


@pytest.mark.parametrize("key", [None, "", "zz", "ab" * 32])
def test_a_lost_key_is_told_and_the_next_snapshot_gets_another(
    tmp_path: Path, key: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    store = saved(tmp_path, stored(1))
    path = tmp_path / "state.key"
    path.unlink() if key is None else path.write_text(key)

    assert store.load() is None
    assert f"the key that it was encrypted with is gone: {path}" in caplog.text
    SnapshotStore(tmp_path).save(stored(2))
    assert SnapshotStore(tmp_path).load() == stored(2)


def test_what_an_api_still_runs_on_is_kept(tmp_path: Path) -> None:
    store = saved(tmp_path, stored(1), stored(2, orders=1), stored(3, orders=1))

    assert store.load_kept(1) == stored(1).resources
    flip(tmp_path / "kept" / "1.json", 20)

    assert store.load_kept(1) == ()


def test_a_resource_that_stays_is_written_as_text_once(tmp_path: Path) -> None:
    written: list[str] = []

    class Noted(ApiInstance):
        def model_dump_json(self, **options: Any) -> str:
            written.append(self.metadata.name)
            return super().model_dump_json(**options)

    stays, goes, comes = (
        Noted.model_validate_json(_json(stored(number).resources[0])) for number in (1, 2, 3)
    )

    store = saved(tmp_path, Stored(1, "", (stays, goes), {}), Stored(2, "", (comes, stays, stays), {}))

    assert written == ["orders-1", "orders-2", "orders-3"]
    found = store.load()
    assert found is not None
    assert [one.metadata.name for one in found.resources] == ["orders-3", "orders-1", "orders-1"]


def test_the_one_before_is_not_written_again(tmp_path: Path) -> None:
    store = saved(tmp_path, stored(1))
    first = (tmp_path / "snapshot.json").stat().st_ino

    store.save(stored(2, orders=1))

    kept = (tmp_path / "snapshot.previous.json", tmp_path / "kept" / "1.json")
    assert {path.stat().st_ino for path in kept} == {first}
    assert not [*tmp_path.rglob(".*.new")]


def test_where_there_are_no_links_the_one_before_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(Path, "hardlink_to", refused)

    store = saved(tmp_path, stored(1), stored(2, orders=1))

    assert store.load_kept(1) == stored(1).resources
    flip(tmp_path / "snapshot.json", 20)
    assert SnapshotStore(tmp_path).load() == stored(1)
