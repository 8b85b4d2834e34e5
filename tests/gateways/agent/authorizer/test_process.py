"""The authorizer's process across agents that come and go."""

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateways.agent.authorizer.process import Authorizer
from policies.answers import memory
from policies.answers.question import SOCKET
from tests.policies.provider import AUTHORIZATION, Provider, provider
from tests.waiting import wait_until

NAME = "0" * 32


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def server() -> Iterator[Provider]:
    with provider() as made:
        yield made


@pytest.fixture
def authorizer(state: Path, server: Provider) -> Iterator[Authorizer]:
    (state / "secrets").mkdir()
    asked = {"url": f"{server.url}/introspect", "authorization": AUTHORIZATION}
    question = {"policy": "oauth2-token-introspection", "timeout_ms": 5000, "remembered_seconds": 60}
    question |= {"most_remembered": 10, "asked": asked}
    (state / "secrets" / NAME).write_text(json.dumps(question))
    made = Authorizer(state)
    made.want()
    yield made
    made.close()


def ask(state: Path, token: str, digest: str = "", name: str = NAME) -> httpx.Response:
    transport = httpx.HTTPTransport(uds=str(state / SOCKET))
    with httpx.Client(transport=transport, timeout=30) as client:
        headers = {"x-digest": digest, "x-caller": "127.0.0.1:1"}
        return client.post(f"http://authorizer/{name}", content=token, headers=headers)


def is_remembered(state: Path, digest: str) -> bool:
    found = int(digest[:16], 16).to_bytes(8, "little") + int(digest[16:], 16).to_bytes(8, "little")
    with memory.PLACE.path(state).open("rb") as file:
        return found in file.read(memory.CELLS)


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_next_agent_takes_it_over_without_a_gap(
    state: Path, server: Provider, authorizer: Authorizer
) -> None:
    server.tokens["a"] = {"active": True}
    first, over, failed = authorizer.pid, threading.Event(), []

    def knock() -> None:
        while not over.is_set():
            with socket.socket(socket.AF_UNIX) as probe:
                if code := probe.connect_ex(str(state / SOCKET)):
                    failed.append(code)

    knocking = threading.Thread(target=knock)
    knocking.start()
    second = Authorizer(state)
    try:
        second.want()
        over.set()
        knocking.join()

        assert failed == []
        assert first is not None and second.pid not in (None, first)
        wait_until(lambda: not is_there(first))
        assert ask(state, "a", "1" * 32).headers["x-gatewright-answer"] == "1"
        wait_until(lambda: ask(state, "a", "2" * 32).is_success and is_remembered(state, "2" * 32))
    finally:
        over.set()
        second.close()


def test_what_an_agent_left_behind_is_ended_by_one_that_needs_none(
    state: Path, authorizer: Authorizer
) -> None:
    first = authorizer.pid
    assert first is not None

    Authorizer(state).unwant()

    wait_until(lambda: not is_there(first))


def test_it_is_ended_though_its_file_is_lost(state: Path, authorizer: Authorizer) -> None:
    first = authorizer.pid
    assert first is not None
    (state / "authorizer.pid").unlink()

    authorizer.close()

    assert not is_there(first)


def test_killed_it_comes_back_and_remembers(state: Path, server: Provider, authorizer: Authorizer) -> None:
    server.tokens["a"] = {"active": True}
    ask(state, "a", "3" * 32)
    assert is_remembered(state, "3" * 32)
    first = authorizer.pid
    assert first is not None

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: authorizer.restarts == 1)
    assert authorizer.pid not in (None, first)
    assert is_remembered(state, "3" * 32)


@pytest.mark.parametrize("name", ["1" * 32, "../names.key", "", "A" * 32, "secrets"])
def test_a_question_that_nobody_has_is_none(state: Path, authorizer: Authorizer, name: str) -> None:
    answer = ask(state, "a", name=name)

    assert (answer.status_code, answer.headers["x-gatewright-answer"], answer.content) == (404, "0", b"")


def test_what_is_too_long_is_not_asked_about(state: Path, server: Provider, authorizer: Authorizer) -> None:
    assert ask(state, "a" * 70_000).status_code == 404
    assert server.asked == []
