"""Who plays the upstreams, asked as Envoy asks it."""

import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path

import pytest

from gateways.agent.host.sockets import address
from gateways.agent.rehearsal.isolated import CLUSTER_HEADER, UPSTREAMS
from gateways.agent.rehearsal.player import Peer, Player
from gateways.protocol.rehearsal import Played

PARTS = {"orders": Peer("orders.example:80", "backend"), "keys": Peer("issuer.example:443")}
STANDING = (Played(upstream="issuer.example:443", path="/jwks", body="{}"),)


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    made = Player(tmp_path, PARTS, STANDING)
    yield made
    made.close()


def ask(folder: Path, cluster: str, target: str) -> tuple[int, bytes]:
    with socket.socket(socket.AF_UNIX) as connection, address(folder / UPSTREAMS) as place:
        connection.settimeout(10)
        connection.connect(place)
        connection.sendall(
            f"GET {target} HTTP/1.1\r\nhost: x\r\n{CLUSTER_HEADER}: {cluster}\r\n\r\n".encode()
        )
        answer = HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read()


def test_upstream_without_an_answer_says_200_and_who_policies_ask_503(player: Player, tmp_path: Path) -> None:
    assert ask(tmp_path, "orders", "/") == (200, b"")
    assert ask(tmp_path, "keys", "/") == (503, b"")
    assert ask(tmp_path, "keys", "/jwks?a=b") == (200, b"{}")
    assert ask(tmp_path, "unknown", "/jwks") == (503, b"")


def test_requests_own_answers_come_first_and_its_notes_are_its_own(player: Player, tmp_path: Path) -> None:
    ask(tmp_path, "orders", "/before")

    player.play([Played(path="/jwks", status=404)])

    assert ask(tmp_path, "keys", "/jwks") == (404, b"")
    (noted,) = player.noted()
    assert (noted.cluster, noted.target, noted.headers) == ("keys", "/jwks", (("host", "x"),))


def test_what_is_no_request_ends_its_connection_alone(player: Player, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection, address(tmp_path / UPSTREAMS) as place:
        connection.settimeout(10)
        connection.connect(place)
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(1) == b""

    assert ask(tmp_path, "orders", "/") == (200, b"")
