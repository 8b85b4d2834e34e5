"""What tests of gateways share."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.gateways.shared_storage import Server


@pytest.fixture
def server() -> Iterator["Server"]:
    """A storage for replicas, of this test alone."""
    # The tests of the agent, which are below this folder, run where the console's servers are not installed.
    from tests.gateways import shared_storage

    with shared_storage.running() as one:
        yield one
