"""The console as it really runs stays up for everybody, whatever single callers do to it."""

import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from console.stack.waiting import wait_for
from tests.faults import http2
from tests.front.wire import held_open
from tests.running import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

MANY = 200
HALF_A_HEADER = b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-Half: "
HALF_A_BODY = b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nusername="
HALF_CHUNKED = b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nuser"


@pytest.mark.parametrize(
    "beginning", [HALF_A_HEADER, HALF_A_BODY, HALF_CHUNKED], ids=["header", "body", "chunk"]
)
def test_callers_that_send_slowly_hold_nobody_up(stack: Stack, beginning: bytes) -> None:
    with held_open(stack.port, MANY, beginning):
        page = httpx.get(f"{stack.url}/login", timeout=20)
        health = httpx.get(f"{stack.url}/healthz", timeout=20)

    assert (page.status_code, health.status_code) == (200, 200)


def test_a_caller_who_takes_all_requests_back_is_let_go(stack: Stack) -> None:
    """However fast each would be answered: these name no host, which the front itself answers."""
    with http2.Connection(stack.port) as caller:
        assert not caller.may_take_back("/login", 2000, host=b"a,b")

    assert httpx.get(f"{stack.url}/healthz", timeout=20).status_code == 200


def test_callers_that_read_slowly_hold_nobody_up(stack: Stack) -> None:
    request = b"GET /api/docs HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert len(httpx.get(f"{stack.url}/api/docs").content) > 100_000

    with held_open(stack.port, MANY, request, receive_bytes=4096):
        page = httpx.get(f"{stack.url}/login", timeout=60)
        health = httpx.get(f"{stack.url}/healthz", timeout=60)

    assert (page.status_code, health.status_code) == (200, 200)


@pytest.mark.long
def test_a_password_cannot_be_guessed_from_many_claimed_addresses(stack: Stack) -> None:
    login = {"username": "guessed", "password": "wrong"}

    def status(number: int) -> int:
        claimed = {"X-Forwarded-For": f"198.51.100.{number}"}
        return httpx.post(f"{stack.url}/accounts/login", json=login, headers=claimed, timeout=20).status_code

    found = [status(number) for number in range(12)]

    assert found[0] == 401
    assert found[-1] == 429


def test_a_front_that_is_killed_comes_back(stack: Stack) -> None:
    def fronts() -> list[int]:
        return [
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if str(stack.home / "front" / "bootstrap.json").encode() in _command(folder)
        ]

    (before,) = fronts()
    os.kill(before, signal.SIGKILL)

    wait_for(lambda: fronts() not in ([], [before]), 30, "another front")
    wait_for(lambda: _answers(stack), 30, "the console behind it")


def _command(folder: Path) -> bytes:
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""


def _answers(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.url}/healthz", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def test_pages_name_files_that_browsers_keep(stack: Stack) -> None:
    page = httpx.get(f"{stack.url}/login", headers={"Accept-Encoding": "gzip"})
    named = re.findall(r'(?:href|src)="(/static/[^"#]+)', page.text)

    assert page.headers["Content-Encoding"] == "gzip"
    assert named
    with httpx.Client(base_url=stack.url) as client:
        for address in named:
            file = client.get(address, headers={"Accept-Encoding": "br, gzip"})
            again = client.get(address, headers={"If-None-Match": file.headers["ETag"]})

            assert re.search(r"\.[0-9a-f]{12}\.", address), address
            assert "immutable" in file.headers["Cache-Control"]
            assert again.status_code == 304


def test_agents_streams_are_answered_by_the_process_that_holds_them(stack: Stack) -> None:
    """gunicorn, which would hold a thread for each, says where they are to be had."""
    assert httpx.get(f"{stack.url}/agent/v1/stream").status_code == 401


def test_a_page_that_has_not_changed_is_not_sent_again(stack: Stack) -> None:
    first = httpx.get(f"{stack.url}/api/docs", headers={"Accept-Encoding": "gzip"})
    again = httpx.get(f"{stack.url}/api/docs", headers={"If-None-Match": first.headers["ETag"]})

    assert first.headers["Content-Encoding"] == "gzip"
    assert (again.status_code, again.content) == (304, b"")
