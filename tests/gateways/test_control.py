"""The control interface: what it lets through and what it says."""

import http.client
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from gateways.agent import trust
from gateways.agent.apply import Applier
from gateways.agent.control import Control
from gateways.agent.envoy import Envoy
from gateways.agent.intake import Intake
from gateways.agent.protocol import CONSOLE, SNAPSHOT_LIMIT
from gateways.agent.registration import Registration

GATEWAY, REPLICA = "gateway-id", "replica-id"


class Asker:
    """A console's key, and a replica that trusts it. Its Envoy does not run: nothing here gets so far."""

    def __init__(self, folder: Path) -> None:
        self.keys = trust.key_pair()
        registered = Registration(GATEWAY, "edge", "org", "env", "http://localhost", self.keys.public, "")
        self.signer = trust.Signer(self.keys.private, CONSOLE)
        intake = Intake(Applier(Envoy(folder, REPLICA)), GATEWAY, REPLICA)
        self.control = Control(
            registered,
            REPLICA,
            intake,
            status=lambda: {"generation": 0},
            is_ready=lambda: False,
            is_live=lambda: True,
        )
        self.port = self.control.start("127.0.0.1", 0)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)

    def put(
        self,
        body: bytes,
        audience: str = GATEWAY,
        subject: str = REPLICA,
        signer: trust.Signer | None = None,
    ) -> httpx.Response:
        signer = signer or self.signer
        headers = signer.headers(audience, "PUT", "/v1/snapshot", body, subject=subject)
        return self.client.put("/v1/snapshot", content=body, headers=headers)

    def with_clock(self, offset: float) -> httpx.Response:
        return self.put(b"{}", signer=trust.Signer(self.keys.private, CONSOLE, lambda: time.time() + offset))


@pytest.fixture
def asker(tmp_path: Path) -> Iterator[Asker]:
    asker = Asker(tmp_path)
    yield asker
    asker.client.close()
    asker.control.stop()


def test_probes_need_no_signature(asker: Asker) -> None:
    assert asker.client.get("/probes/liveness").status_code == 200
    assert asker.client.get("/probes/readiness").status_code == 503


def test_status_is_for_the_console_alone(asker: Asker) -> None:
    headers = asker.signer.headers(GATEWAY, "GET", "/v1/status", subject=REPLICA)

    assert asker.client.get("/v1/status").status_code == 401
    assert asker.client.get("/v1/status", headers=headers).json() == {"generation": 0}


@pytest.mark.parametrize("other", [{"audience": "another"}, {"subject": "another"}])
def test_push_signed_for_another_is_refused(asker: Asker, other: dict[str, str]) -> None:
    answer = asker.put(b"{}", **other)

    assert answer.status_code == 401
    assert "another" in answer.json()["message"]


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (
            lambda asker: asker.put(b"{}", signer=trust.Signer(trust.key_pair().private, CONSOLE)),
            "does not match the key",
        ),
        (lambda asker: asker.with_clock(600), "10 min ahead of the receiver's; set both by NTP"),
        (lambda asker: asker.with_clock(-600), "10 min behind the receiver's; set both by NTP"),
    ],
    ids=["forged", "ahead", "behind"],
)
def test_push_that_is_not_the_consoles_or_not_of_now_is_refused_and_logged(
    asker: Asker,
    attempt: Callable[[Asker], httpx.Response],
    words: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = sorted(tmp_path.rglob("*"))

    answer = attempt(asker)

    assert answer.status_code == 401
    assert words in answer.json()["message"]
    assert "refused=control-request" in caplog.text
    assert words in caplog.text
    assert sorted(tmp_path.rglob("*")) == before


def test_body_of_a_stranger_is_not_kept(asker: Asker) -> None:
    block = b"x" * 65536
    tracemalloc.start()

    answer = asker.client.put("/v1/snapshot", content=iter([block] * 400))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.status_code == 401
    assert peak < 100 * len(block)


def test_body_over_the_limit_is_refused(asker: Asker) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", asker.port, timeout=10)
    connection.putrequest("PUT", "/v1/snapshot")
    connection.putheader("Content-Length", str(SNAPSHOT_LIMIT + 1))
    connection.endheaders()

    assert connection.getresponse().status == 413
    connection.close()


def test_snapshot_that_cannot_be_read_is_answered_with_the_field(asker: Asker) -> None:
    answer = asker.put(
        b'{"gateway": "gateway-id", "generation": 4, "digest": "d", "resources": [{"kind": "X"}]}'
    )

    ack = answer.json()
    assert (ack["applied"], ack["generation"]) == (False, 4)
    assert "resources[0]" in ack["reason"]


def test_snapshot_of_another_gateway_is_not_taken(asker: Asker) -> None:
    answer = asker.put(b'{"gateway": "other", "generation": 4, "digest": "d", "resources": []}')

    assert answer.json()["applied"] is False
    assert "another gateway's" in answer.json()["reason"]
