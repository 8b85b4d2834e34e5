from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.faults import site as sites
from tests.faults.site import Site


@pytest.fixture(scope="module")
def site(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """One console and one gateway for the tests of a module."""
    with sites.database(django_db_blocker), sites.running(tmp_path_factory.mktemp("site")) as running:
        yield running
