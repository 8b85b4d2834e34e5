"""What a list says of itself."""

import pytest
from django.core.paginator import Paginator

from console.listing import Listing


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
