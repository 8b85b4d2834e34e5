"""Answers through a real Envoy, as callers with other wishes get them."""

import gzip
import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.upstream import Quiet, serving

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:${port}/a
  services: {upstream: {address: "UPSTREAM"}}
  policies: [{policyRef: {name: compression}, config: {algorithms: [zstd, br, gzip], minimumLength: 100}}]
"""
BODY = json.dumps({"numbers": list(range(500))}).encode()


class Server(Quiet):
    def do_GET(self) -> None:
        body = BODY if "long" in self.path else b"{}"
        coding = {"content-encoding": "gzip"} if "done" in self.path else {}
        kind = "image/png" if "image" in self.path else "application/json; charset=utf-8"
        first = 20 if "range" in self.headers else 0
        self.send_response(206 if first else 200)
        sent = gzip.compress(body) if coding else body
        headers = {"content-type": kind, "content-length": str(len(sent)), "etag": '"one"', **coding}
        if first:
            sent = body[first:]
            headers |= {
                "content-length": str(len(sent)),
                "content-range": f"bytes 20-{len(body) - 1}/{len(body)}",
            }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Server)) as server:
        text = API.replace("UPSTREAM", f"http://127.0.0.1:{server.server_port}")
        with running_gateway(text, tmp_path_factory.mktemp("gateway")) as running:
            yield running


@pytest.mark.parametrize(
    ("accepts", "coding"),
    [
        ("gzip, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip", "gzip"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("deflate", None),
        ("gzip;q=0", None),
        ("identity", None),
    ],
)
def test_the_caller_chooses_among_the_algorithms(gateway: Gateway, accepts: str, coding: str | None) -> None:
    with gateway.client.stream("GET", "/a/long", headers={"accept-encoding": accepts}) as answer:
        raw = b"".join(answer.iter_raw())

    assert answer.headers.get("content-encoding") == coding
    assert (len(raw) < len(BODY) / 2) == (coding is not None)
    assert "accept-encoding" in answer.headers.get("vary", "").lower()


def test_a_compressed_answer_is_the_same_answer(gateway: Gateway) -> None:
    answer = gateway.get("/a/long", headers={"accept-encoding": "gzip"})

    assert answer.content == BODY
    assert answer.headers["etag"] == 'W/"one"'
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("path", ["/a/short", "/a/long/image", "/a/long/done"])
def test_what_gains_nothing_is_left_alone(gateway: Gateway, path: str) -> None:
    answer = gateway.get(path, headers={"accept-encoding": "br, gzip"})

    assert answer.headers.get("content-encoding") == ("gzip" if "done" in path else None)
    assert answer.headers["etag"] == '"one"'


def test_a_part_is_sent_as_its_range_counts_it(gateway: Gateway) -> None:
    answer = gateway.get("/a/long", headers={"accept-encoding": "gzip", "range": "bytes=20-"})

    assert (answer.status_code, answer.headers.get("content-encoding")) == (206, None)
    assert answer.content == BODY[20:]
    assert answer.headers["etag"] == '"one"'
