"""Numbers as anybody may send them."""

import pytest

from console.numbers import number, numbers


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "٣", "²", "1" * 19, "9" * 5000])
def test_what_is_no_number_of_ours_is_none(text: str) -> None:
    assert number(text) is None


def test_the_numbers_are_told() -> None:
    assert numbers(["7", "x", "0", "9" * 18, "9" * 5000]) == [7, 0, 10**18 - 1]
