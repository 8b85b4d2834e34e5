"""Who changes something."""

import pytest

from console.models import User
from tests.factories import make_actor


@pytest.fixture
def actor() -> User:
    return make_actor()
