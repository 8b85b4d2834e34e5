import pytest

from gateways.agent.xds import path_regex
from gateways.protocol import regex


@pytest.mark.parametrize("expression", ["(", "(?=a)", r"(a)\1", "[z-a]", "a**"])
def test_what_re2_refuses_is_refused(expression: str) -> None:
    with pytest.raises(regex.BadRegex, match="is not an RE2 regular expression"):
        regex.check(expression)


def test_what_becomes_too_large_is_refused() -> None:
    with pytest.raises(regex.BadRegex, match="too large"):
        regex.check(r"(\p{L}{50})+")


@pytest.mark.parametrize(
    ("expression", "matching", "other"),
    [
        ("/a/.*/b", "/a/x/b?q", "/a/x?q=/b"),
        (r"/a\.b\S+", "/a.bc", "/a.b?c"),
        ("/[^/]+", "/a?b/c", "/?a"),
        ("/[^]/]+", "/a", "/?a"),
        ("/[.a]+", "/.a", "/b"),
        (r"/\Q.\E.", "/.a", "/ba"),
        ("/[[:alpha:]]+", "/ab", "/1"),
        ("/a/b", "/a;v=1/b;w?q", "/a;v=1/c"),
        (r"\/a/?", "/a;v=1/", "/a;v=1/x"),
    ],
)
def test_expression_over_targets_matches_the_path_alone(expression: str, matching: str, other: str) -> None:
    over_targets = path_regex.over_targets(expression)

    assert regex.captures(over_targets, matching) is not None
    assert regex.captures(over_targets, other) is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("^/a/.*$", "/a/.*"),
        (r"\A(^/a$|/b$)\z", "(/a|/b)"),
        (r"/[^$^]\$\^\Q^$\E", r"/[^$^]\$\^\Q^$\E"),
    ],
)
def test_anchors_are_taken_out(expression: str, expected: str) -> None:
    assert regex.unanchored(expression) == expected


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
