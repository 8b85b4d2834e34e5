"""Where a page is looked at."""

import pytest

from tests.apis.views.pages import Place, make_place


@pytest.fixture
def place() -> Place:
    return make_place()
