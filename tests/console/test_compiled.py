"""A statement that is written once finds what the queryset finds, whatever the values and the thread."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from console.compiled import CompiledQuery
from console.counted import Counted
from console.models import Environment, Organization
from tests.factories import make_environment

pytestmark = pytest.mark.django_db


def environments() -> CompiledQuery[Environment]:
    return CompiledQuery(
        lambda key: Environment.objects.filter(pk=key).select_related("organization"), key=uuid.uuid4()
    )


def test_it_finds_the_rows_of_each_value_with_what_belongs_to_them() -> None:
    find, one, other = environments(), make_environment(), make_environment()

    with CaptureQueriesContext(connection) as caught:
        found = [find(key=key) for key in (one.pk, other.pk, uuid.uuid4())]
        names = [[row.organization.name for row in rows] for rows in found]

    assert found == [[one], [other], []]
    assert names == [[one.organization.name], [other.organization.name], []]
    assert len(caught) == 3


def test_a_value_that_the_statement_does_not_hold_as_it_is_is_refused() -> None:
    find = CompiledQuery(lambda start: Organization.objects.filter(path__startswith=start), start="any/")

    with pytest.raises(ValueError, match="does not hold start as it is"):
        find(start="a/")


def test_a_count_goes_no_further_than_it_is_sliced_to() -> None:
    organization = make_environment().organization
    make_environment(organization, name="Two")
    rows = Environment.objects.filter(organization=organization.pk)
    found = Organization.objects.annotate(all=Counted(rows), first=Counted(rows.order_by()[:1]))

    assert [(one.all, one.first) for one in found.filter(pk=organization.pk)] == [(2, 1)]


@pytest.mark.django_db(transaction=True)
def test_threads_ask_on_connections_of_their_own() -> None:
    find, one = environments(), make_environment()
    find(key=one.pk)

    def ask() -> tuple[object, list[Environment]]:
        try:
            return connection.connection, find(key=one.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        _, found = pool.submit(ask).result()

    assert found == [one]
    assert connection.connection is not None and find(key=one.pk) == [one]
