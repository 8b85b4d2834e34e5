"""YAML of people is refused in words, whatever it holds; it never ends the process that reads it."""

import pytest

from gateways.protocol import given


@pytest.mark.parametrize("text", ["[" * 200_000, "- " * 100_000 + "a", "{a: " * 50_000, '{"a":' * 40_000])
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    with pytest.raises(given.NotRead, match="more than 64 levels"):
        given.read(text)


@pytest.mark.parametrize(
    "text", ["a: !!bool x", "a: !!timestamp x", "a: !!int x", "a: !!int ''", "a: !!python/none x"]
)
def test_a_tag_that_its_value_is_not_of_is_refused(text: str) -> None:
    with pytest.raises(given.NotRead):
        given.read(text)


def test_what_is_nested_as_people_nest_is_read() -> None:
    assert given.read("a: [{b: [1, {c: d}]}]") == {"a": [{"b": [1, {"c": "d"}]}]}
