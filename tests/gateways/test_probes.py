"""The control interface: probes, and nothing else."""

from collections.abc import Iterator

import httpx
import pytest

from gateways.agent.probes import ProbeServer


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    control = ProbeServer(is_ready=lambda: False, is_live=lambda: True)
    port = control.start("127.0.0.1", 0)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        yield client
    control.stop()


def test_probes_need_no_signature(client: httpx.Client) -> None:
    assert client.get("/probes/liveness").status_code == 200
    assert client.get("/probes/readiness").status_code == 503


def test_nothing_is_taken(client: httpx.Client) -> None:
    assert client.put("/v1/snapshot", content=b"{}").status_code == 404
