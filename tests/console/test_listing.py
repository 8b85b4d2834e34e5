"""What a list says of itself."""

import pytest
from django.core.paginator import Paginator
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apis.assets.models import Asset
from console.listing import BackPaginator, Listing
from tests.factories import make_environment


@pytest.mark.parametrize(
    ("noun", "count", "words"),
    [
        ("gateway", 2, "2 gateways"),
        ("entry", 2, "2 entries"),
        ("API", 1, "1 API"),
        ("TLS context", 0, "0 TLS contexts"),
        ("operation", 1200, "1,200 operations"),
    ],
)
def test_rows_are_counted_in_words(noun: str, count: int, words: str) -> None:
    shown = Listing("rows", noun, Paginator(range(count), 25).page(1))

    assert shown.counted == words


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1001, 1060, 2100])
def test_pages_from_the_end_are_those_counted_from_the_beginning(count: int) -> None:
    organization = make_environment().organization
    Asset.objects.bulk_create(
        Asset(organization=organization, asset_id=f"a-{number}", name=f"A {number % 7}")
        for number in range(count)
    )
    rows = Asset.objects.filter(organization=organization).order_by("name", "-pk")
    usual, turned = Paginator(rows, 25), BackPaginator(rows, 25)

    middle, last = usual.num_pages // 2, usual.num_pages
    for number in (1, 2, middle, middle + 2, last - 1, last):
        page, wanted = turned.page(number), list(usual.page(number))
        assert list(page.object_list.values_list("pk", flat=True)) == [one.pk for one in wanted]
        assert list(page) == wanted, number
        assert (page.number, page.end_index()) == (number, usual.page(number).end_index())


@pytest.mark.django_db
def test_a_page_far_from_the_beginning_is_looked_up_from_the_end() -> None:
    organization = make_environment().organization
    Asset.objects.bulk_create(
        Asset(organization=organization, asset_id=f"a-{number}", name="A") for number in range(1100)
    )
    found = BackPaginator(Asset.objects.filter(organization=organization).order_by("name", "pk"), 25)

    with CaptureQueriesContext(connection) as caught:
        list(found.page(found.num_pages))

    offsets = [one["sql"] for one in caught.captured_queries if "OFFSET" in one["sql"]]
    assert offsets == []
