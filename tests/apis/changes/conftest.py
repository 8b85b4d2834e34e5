"""Who changes something."""

import pytest

from console.models import User
from tests.factories import make_user


@pytest.fixture
def actor() -> User:
    return make_user()
