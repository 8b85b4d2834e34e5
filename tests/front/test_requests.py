"""What the front passes on to the console, and what it answers by itself."""

import select
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console.front.servers import MOST_CONNECTIONS, MOST_WAITING
from console.stack import ports
from tests.front.conftest import HOST, RunningFront
from tests.front.wire import answer, held_open

pytestmark = pytest.mark.envoy


def passed_on(front: RunningFront, headers: list[tuple[str, str]], peer: str = HOST) -> dict[str, str]:
    """The headers as the console gets them, of a request from this address."""
    with httpx.Client(transport=httpx.HTTPTransport(local_address=peer)) as client:
        found: dict[str, str] = client.get(front.url, headers=headers).json()["headers"]
    return found


def test_the_callers_address_stands_behind_what_the_caller_wrote(front: RunningFront) -> None:
    found = passed_on(front, [("X-Forwarded-For", "198.51.100.7")], peer="127.0.0.5")

    assert found["x-forwarded-for"] == "198.51.100.7,127.0.0.5"


@pytest.mark.parametrize(("peer", "scheme"), [("127.0.0.5", "http"), ("127.0.0.9", "https")])
def test_the_scheme_is_the_connections_unless_a_trusted_proxy_says_another(
    front: RunningFront, peer: str, scheme: str
) -> None:
    assert passed_on(front, [("X-Forwarded-Proto", "https")], peer)["x-forwarded-proto"] == scheme


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-Protocol",
        "X-Forwarded-Ssl",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "Forwarded",
        "SCRIPT_NAME",
        "Remote_User",
        "X-Envoy-Upstream-Rq-Timeout-Ms",
    ],
)
def test_a_header_that_nobody_vouches_for_is_not_passed_on(front: RunningFront, name: str) -> None:
    found = passed_on(front, [(name, "on")])

    assert name.lower() not in found


@pytest.mark.parametrize(
    "hosts",
    [
        "Host: a.example\r\nHost: b.example\r\n",
        "Host: a.example,b.example\r\n",
        "Host: a b\r\n",
        "Host: a/b\r\n",
        "",
    ],
)
def test_a_request_that_does_not_name_one_host_is_refused(front: RunningFront, hosts: str) -> None:
    status, _ = answer(front.port, f"GET / HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")

    assert status == 400


@pytest.mark.parametrize("host", ["localhost", "[::1]:8000", "10.0.0.7:8000", "console.example"])
def test_a_request_that_names_one_host_is_passed_on(front: RunningFront, host: str) -> None:
    status, _ = answer(front.port, f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")

    assert status == 200


def test_http_1_0_is_answered(front: RunningFront) -> None:
    status, text = answer(front.port, "GET /old HTTP/1.0\r\n\r\n")

    assert status == 200
    assert '"path":"/old"' in text


def test_http_2_is_spoken(front: RunningFront) -> None:
    told = subprocess.run(
        ["curl", "-s", "--http2-prior-knowledge", "-o", "/dev/null", "-w", "%{http_version}", front.url],
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout == "2"


def test_a_path_is_made_plain_before_it_is_passed_on(front: RunningFront) -> None:
    _, text = answer(front.port, "GET /a/../b/%2e%2e/c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    assert '"path":"/c"' in text


@pytest.mark.parametrize(
    ("coding", "told"), [("br", "br"), ("gzip", "gzip"), ("br, gzip", "br"), ("identity", None)]
)
def test_an_answer_is_compressed_as_the_caller_understands(
    front: RunningFront, coding: str, told: str | None
) -> None:
    response = httpx.post(front.url, content="x" * 5000, headers={"Accept-Encoding": coding})

    assert response.headers.get("Content-Encoding") == told
    assert "accept-encoding" in response.headers["Vary"].lower()


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_an_answer_to_what_another_site_began_is_not_compressed(front: RunningFront, site: str) -> None:
    headers = {"Accept-Encoding": "br, gzip", "Sec-Fetch-Site": site}

    response = httpx.post(front.url, content="x" * 5000, headers=headers)

    assert "Content-Encoding" not in response.headers


def test_a_body_over_the_limit_is_refused_in_words(front: RunningFront) -> None:
    response = httpx.post(front.url, content=b"x" * (22 * 1024 * 1024), timeout=30)

    assert response.status_code == 413
    assert "larger" in response.json()["message"]


def test_a_body_of_twenty_megabytes_is_passed_on(front: RunningFront) -> None:
    response = httpx.post(front.url, content=b"x" * (20 * 1024 * 1024), timeout=30)

    assert response.status_code == 200


def test_browsers_are_refused_with_a_page(front: RunningFront) -> None:
    status, text = answer(
        front.port, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
    )

    assert status == 400
    assert "content-type: text/html" in text
    assert "<h1>" in text


def test_headers_that_do_not_end_are_given_up(front: RunningFront) -> None:
    with held_open(front.port, 1, b"GET / HTTP/1.1\r\nHost: x\r\nX-Half: ") as (connection,):
        told = connection.recv(1000)

    assert told.startswith(b"HTTP/1.1 408")


def test_without_a_console_the_caller_is_told_to_come_back(tmp_path: Path) -> None:
    nobody = ports.free(HOST)
    running = RunningFront(tmp_path, f"{HOST}:{nobody}").start()
    try:
        response = httpx.get(running.url, timeout=30)
    finally:
        running.stop()

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "3"
    assert "starting" in response.json()["message"]


class Silent:
    """A server that takes connections, counts requests that came whole, and answers none."""

    def __init__(self) -> None:
        self.listener = socket.create_server((HOST, 0), backlog=1024)
        self.address = f"{HOST}:{self.listener.getsockname()[1]}"


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[RunningFront]:
    """A front whose console answers nothing at all."""
    server = Silent()
    running = RunningFront(tmp_path, server.address)
    running.start()
    yield running
    running.stop()
    server.listener.close()


@pytest.mark.timeout(180)
def test_more_requests_than_can_wait_are_told_to_come_back(stuck: RunningFront) -> None:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    with held_open(stuck.port, MOST_CONNECTIONS + MOST_WAITING + 40, request) as opened:
        answered, _, _ = select.select(opened, [], [], 20)
        told = [connection.recv(1000) for connection in answered]

    assert told
    assert all(text.startswith(b"HTTP/1.1 503") for text in told)
    assert b"retry-after: 3" in told[0]


@pytest.mark.timeout(180)
def test_gateways_that_wait_for_news_leave_room_for_browsers(tmp_path: Path, echo: str) -> None:
    link = Silent()
    running = RunningFront(tmp_path, echo, {"FRONT_LINKS": link.address}, descriptors=500).start()
    request = b"GET /agent/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n"
    try:
        with held_open(running.port, 90, request) as opened:
            refused, _, _ = select.select(opened, [], [], 20)
            page = httpx.get(running.url, timeout=20)
            told = [connection.recv(1000) for connection in refused]
            waiting = len(opened) - len(refused)
    finally:
        running.stop()
        link.listener.close()

    assert told
    assert all(text.startswith(b"HTTP/1.1 503") for text in told)
    assert waiting > 50
    assert page.status_code == 200


def test_a_bad_setting_is_named(tmp_path: Path, echo: str) -> None:
    running = RunningFront(tmp_path, "nowhere")

    with pytest.raises(AssertionError, match='GATEWRIGHT_FRONT_SERVERS: "nowhere" is not an address'):
        running.start()
