"""What tests of requests through a gateway share, those of policies too."""

from collections.abc import Iterator

import pytest

from tests.traffic.gateway import Gateway, running_gateway


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One Envoy for the tests of a module; each test applies its own resources."""
    with running_gateway("", tmp_path_factory.mktemp("gateway")) as running:
        yield running
