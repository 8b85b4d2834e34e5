"""What tests of gateways share."""

from collections.abc import Iterator

import pytest

from tests.gateways import shared_storage
from tests.gateways.shared_storage import Server


@pytest.fixture
def server() -> Iterator[Server]:
    """A storage for replicas, of this test alone."""
    with shared_storage.running() as one:
        yield one
