"""Header Removal through a real Envoy."""

from collections.abc import Iterator

import pytest

from tests.policies.envoy import Envoy, compiled, running_envoy

CONFIG = {
    "inboundHeaders": ["X-One", "X-Internal-.*", "^secret.+$"],
    "outboundHeaders": ["x-(back|front)end"],
}
pytestmark = pytest.mark.envoy


@pytest.fixture(scope="module")
def envoy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Envoy]:
    folder = tmp_path_factory.mktemp("header_removal")
    with running_envoy({"api": [compiled("header-removal", CONFIG, folder)], "open": []}, folder) as running:
        yield running


def test_named_and_matching_headers_are_gone(envoy: Envoy) -> None:
    sent = {
        "x-one": "1",
        "X-Internal-Id": "2",
        "secret-key": "3",
        "x-internal": "4",
        "x-one-more": "5",
        "secret": "6",
    }

    answer = envoy.get("/api", sent)

    kept = answer.json["headers"].keys() & {name.lower() for name in sent}
    assert kept == {"x-internal", "x-one-more", "secret"}
    assert "x-backend" not in answer.headers
    assert envoy.get("/open").headers["x-backend"] == "backend"
