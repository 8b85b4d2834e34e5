"""Bodies that flow no faster than they may."""

import time
from collections.abc import Iterator

import pytest

from tests.traffic.gateway import Gateway, running_gateway

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: slow}
spec:
  address: http://127.0.0.1:${port}/slow
  services: {upstream: {address: "${upstream}"}}
  policies: [{policyRef: {name: bandwidth-limit}, config: CONFIG}]
"""
KIB = 1024


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway("", tmp_path_factory.mktemp("gateway")) as running:
        yield running


@pytest.mark.parametrize(("limited", "is_slow"), [("request", True), ("response", False)])
def test_a_large_request_takes_its_time(gateway: Gateway, limited: str, is_slow: bool) -> None:
    """A bucket holds a second's worth: what is above waits."""
    gateway.apply(API.replace("CONFIG", f"{{{limited}KibibytesPerSecond: 100}}"))
    began = time.monotonic()

    answer = gateway.post("/slow/x", content=b"x" * 250 * KIB, timeout=60)

    assert answer.status_code == 200
    if is_slow:
        assert time.monotonic() - began > 1
