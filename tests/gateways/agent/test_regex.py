import pytest

from gateways.agent import regex


@pytest.mark.parametrize("expression", ["(", "(?=a)", r"(a)\1", "[z-a]", "a**"])
def test_what_re2_refuses_is_refused(expression: str) -> None:
    with pytest.raises(regex.BadRegex, match="is not an RE2 regular expression"):
        regex.check(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("/a/.*/b", r"/a/[^?\n]*/b"),
        (r"/a\.b\S+", r"/a\.b[^?\s]+"),
        ("/[^/]+", "/[^?/]+"),
        ("/[^]/]+", "/[^]?/]+"),
        ("/[.a]+", "/[.a]+"),
        (r"/\Q.\E.", r"/\Q.\E[^?\n]"),
        ("/[[:alpha:]]+", "/[[:alpha:]]+"),
    ],
)
def test_expression_within_a_path_cannot_reach_into_the_query(expression: str, expected: str) -> None:
    assert regex.within_path(expression) == expected
    regex.check(expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("/a(/.*)?", ("/a", "(", "/.*", "?")),
        ("/(?:a|b)/(?P<id>[(]+)", ("/(?:a|b)/", "(?P<id>", "[(]+", "")),
        (r"/\((a(b))c", (r"/\(", "(", "a(b)", "c")),
    ],
)
def test_first_group_is_found(expression: str, expected: tuple[str, str, str, str]) -> None:
    assert regex.around_first_group(expression) == expected
