"""Patterns for the names of APIs, in rules of application."""

import pytest
import re2

from apis.automated import rule
from gateways.protocol import regex


@pytest.mark.parametrize(
    ("names", "like", "unlike"),
    [
        ("Ord*", "orders", "My orders"),
        ("*a*b*", "xaxbx", "bxa"),
        ("a*b*b", "abb", "ab"),
        ("a?c", "a\nc", "ac"),
        ("[a].*", "[A].b", "a.b"),
        ("**", "", None),
    ],
)
def test_wildcards_mean_what_their_expression_does(names: str, like: str, unlike: str | None) -> None:
    expression = re2.compile(rule._expression(names, "wildcard"), regex.OPTIONS)
    is_like = rule._matcher(names, "wildcard")

    for name, expected in ((like, True), (unlike, False)):
        if name is not None:
            assert (is_like(name), expression.fullmatch(name) is not None) == (expected, expected)


def test_no_wildcard_takes_long() -> None:
    """Each star could begin anywhere: with ways back, this would not end."""
    assert not rule._matcher("a*" * 249 + "b", "wildcard")("a" * 255)
