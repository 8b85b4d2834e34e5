"""Contracts that are sent, all or what has changed: what counts then, what is kept, what is not taken."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from gateways.agent.ledger import Ledger
from gateways.agent.link.grants import FILE_NAME, Gap, Grants
from gateways.protocol import book
from gateways.protocol.resources import API_VERSION


def line(number: int, client: str = "", **spec: Any) -> bytes:
    told = {"apiId": "apii-1", "client": {"id": client or f"client-{number}"}, **spec}
    metadata = {"name": f"contract-{number}", "namespace": "test"}
    contract = {"apiVersion": API_VERSION, "kind": "Contract", "metadata": metadata, "spec": told}
    return json.dumps(contract).encode()


def changes(
    since: int,
    generation: int,
    *lines: bytes,
    gone: tuple[int, ...] = (),
    after: Iterable[int] = range(1, 13),
    gateway: str = "gw",
) -> bytes:
    """For somebody who has the contracts of these numbers."""
    gone_names = [f"contract-{number}" for number in gone]
    names = {f"contract-{number}" for number in after} | set(map(book.name_of, lines))
    head = book.ChangesHead(
        gateway=gateway,
        since=since,
        generation=generation,
        gone=tuple(gone_names),
        names=book.digest_of(book.ordered(names - set(gone_names))),
    )
    return book.written_changes(head, lines)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


@pytest.fixture
def grants(ledger: Ledger, tmp_path: Path) -> Grants:
    grants = Grants(ledger, tmp_path, "gw")
    grants.take(book.written("gw", 5, [line(number) for number in range(1, 13)])[1])
    return grants


def in_force(ledger: Ledger) -> list[str]:
    return sorted(one.client_id for one in ledger.sent)


def test_changes_make_what_all_contracts_would_and_are_kept(
    grants: Grants, ledger: Ledger, tmp_path: Path
) -> None:
    assert grants.change(changes(5, 7, line(3, "other"), line(100), gone=(1, 99)))
    now = (*range(2, 13), 100)
    assert grants.change(changes(5, 9, line(1), line(3), gone=(100, 12), after=now))

    whole, _ = book.written("gw", 9, [line(number) for number in range(1, 12)])
    assert (grants.state.generation, grants.state.digest) == (9, whole.digest)
    assert in_force(ledger) == sorted(f"client-{number}" for number in range(1, 12))
    again = Grants(Ledger(tmp_path), tmp_path, "gw")
    again.restore()
    assert again.state == grants.state


def test_what_begins_after_what_counts_or_ends_before_it_changes_nothing(
    grants: Grants, ledger: Ledger
) -> None:
    before = in_force(ledger)

    with pytest.raises(Gap):
        grants.change(changes(6, 7, gone=(1,)))
    with pytest.raises(ValueError, match="another gateway's"):
        grants.change(changes(5, 6, gone=(1,), gateway="other"))
    for text in (b"", b"{}", b"[]", b'{"gateway":"gw","since":0,"generation":6}', b"\n" + line(1)):
        with pytest.raises(ValueError):
            grants.change(text)
    assert not grants.change(changes(3, 5, gone=(1,)))

    assert (grants.state.generation, in_force(ledger)) == (5, before)


def test_one_that_cannot_be_read_grants_nothing_and_the_others_go_on(grants: Grants, ledger: Ledger) -> None:
    assert grants.change(
        changes(5, 6, line(2, later=True), b'{"metadata":{"name":"contract-13"}}', gone=(1,))
    )

    assert in_force(ledger) == sorted(f"client-{number}" for number in range(3, 13))
    assert len(grants.troubles()) == 2
    assert grants.change(changes(5, 7, line(2), after=range(2, 14)))
    assert "client-2" in in_force(ledger)


def test_one_that_the_sender_did_not_know_of_is_found_at_once(grants: Grants, ledger: Ledger) -> None:
    """A replica fetched all while the thirteenth was there, which came and went between two pushes."""
    grants.take(book.written("gw", 6, [line(number) for number in range(1, 14)])[1])

    with pytest.raises(Gap, match="other contracts than 8"):
        grants.change(changes(5, 8, gone=(1,)))

    assert "client-1" not in in_force(ledger)
    assert grants.state.generation == 6
    assert grants.take(book.written("gw", 8, [line(number) for number in range(2, 13)])[1])
    assert in_force(ledger) == sorted(f"client-{number}" for number in range(2, 13))


def test_what_counts_counts_though_it_cannot_be_kept(grants: Grants, ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).unlink()
    (tmp_path / FILE_NAME).mkdir()
    (tmp_path / FILE_NAME / "in the way").touch()

    assert grants.change(changes(5, 6, gone=(1,)))

    assert "client-1" not in in_force(ledger)
    assert "could not be stored" in grants.troubles()[0]
