"""What callers send, and servers answer, leaves no more in Envoy's memory than a few of them take."""

import json
import re
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.test_policies import api, policy
from tests.traffic.upstream import Quiet, serving

pytestmark = pytest.mark.envoy
LISTS = json.dumps([[]] * 190_000, separators=(",", ":")).encode()
MANY = json.dumps("\n" * 500_000).encode()


class Page(Quiet):
    """Refuses with a page of its own for each question."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        page = (self.path + "x" * 60_000).encode()
        self.send_response(403)
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    """One whose memory nobody else has used."""
    with running_gateway("", tmp_path) as running:
        yield running


def megabytes(gateway: Gateway) -> int:
    told = Path(f"/proc/{gateway.envoy.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", told)[0]) // 1024


def test_bodies_are_forgotten(gateway: Gateway) -> None:
    script = {"requiresPayload": True, "script": "{success: sizeOf(payload) > 0}"}
    gateway.apply(api(policy("dataweave-request-filter", script), name="large"))
    before = megabytes(gateway)

    for _ in range(12):
        for content in (LISTS, MANY):
            answer = gateway.post("/large/x", content=content, headers={"content-type": "application/json"})
            assert answer.status_code == 200

    assert megabytes(gateway) - before < 160


def test_pages_of_an_authorization_server_are_forgotten(gateway: Gateway) -> None:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Page)) as server:
        asked = {
            "uri": f"http://127.0.0.1:{server.server_port}",
            "serverType": "http",
            "rememberedSeconds": 60,
        }
        gateway.apply(api(policy("native-ext-authz", asked), name="refused"))
        before = megabytes(gateway)

        for number in range(400):
            assert len(gateway.get(f"/refused/{number}").json()["error"]) > 60_000

        assert megabytes(gateway) - before < 40
