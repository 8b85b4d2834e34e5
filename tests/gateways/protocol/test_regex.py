import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.agent.xds import path_regex
from gateways.protocol import regex


@pytest.mark.parametrize("expression", ["(", "(?=a)", r"(a)\1", "[z-a]", "a**"])
def test_what_re2_refuses_is_refused(expression: str) -> None:
    with pytest.raises(regex.BadRegex, match="is not an RE2 regular expression"):
        regex.check(expression)


def test_what_becomes_too_large_is_refused() -> None:
    with pytest.raises(regex.BadRegex, match="too large"):
        regex.check(r"(\p{L}{50})+")


ATOMS = (
    *("a", "k", ".", "é", "/", r"\d", r"\W", r"\pL", r"\P{Greek}", r"\x{10ffff}", "[^/]", "[a-z0-9_-]"),
    *(r"[\pL-é]", "[[:^alpha:]]", r"\Qa.k\E", r"\C", "^", r"\b", r"[^\pN\x{400}-\x{2000}]", ""),
)
COUNTS = ("", "*", "+", "?", "??", "{2}", "{0,3}", "{3,}", "{1,40}", "{1000}")


def with_more(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    many = st.lists(inner, min_size=1, max_size=4)
    return (
        many.map("".join)
        | many.map(lambda found: f"(?:{'|'.join(found)})")
        | st.tuples(st.sampled_from(("(", "(?:", "(?i:", "(?P<a>")), inner, st.sampled_from(COUNTS)).map(
            lambda found: f"{found[0]}{found[1]}){found[2]}"
        )
    )


EXPRESSIONS = st.recursive(
    st.tuples(st.sampled_from(ATOMS), st.sampled_from(COUNTS)).map("".join), with_more, max_leaves=12
)


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS)
def test_effort_is_more_than_what_re2_makes_of_an_expression(expression: str) -> None:
    """What is refused by its effort is not compiled: RE2 holds all threads while it does that."""
    effort = regex.effort(expression)
    if effort > 20 * regex.MOST_EFFORT:
        return
    try:
        compiled = re2.compile(expression, regex.OPTIONS)
    except re2.error:
        return

    assert compiled.programsize <= effort + 20


@pytest.mark.parametrize(
    "expression", ["x{0,1000}" * 100, r"\pL" * 300, "x?" * 8000, "((x{0,30}){30}){1,30}", r"[\pL\PN]" * 2000]
)
def test_what_would_keep_re2_busy_never_reaches_it(expression: str) -> None:
    """The first took 20 s of computing."""
    assert regex.effort(expression) > regex.MOST_EFFORT
    with pytest.raises(regex.BadRegex, match="too large"):
        regex.check(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
        "/.{0,500}",
        "(?i)/[a-z0-9_-]{1,255}/.*",
        r"/[\p{L}\p{N}]+/\p{Lu}*",
        "|".join(f"/orders/{number}/items" for number in range(400)),
    ],
)
def test_what_people_write_is_taken(expression: str) -> None:
    regex.check(expression)


@pytest.mark.parametrize(
    ("expression", "matching", "other"),
    [
        ("/a/.*/b", "/a/x/b?q", "/a/x?q=/b"),
        (r"/a\.b\S+", "/a.bc", "/a.b?c"),
        ("/[^/]+", "/a?b/c", "/?a"),
        (r"/x\?y=1", "/x%3fy=1?z", "/x?y=1"),
        (r"/x\??y=1", "/xy=1", "/x?y=1"),
        (r"/x\x3Fy", "/x%3Fy", "/x?y"),
        (r"/[\s\S]*/b", "/a(/b?c", "/a?c/b"),
        ("/[!-~]*b", "/a-~b", "/a?b"),
        (r"/\p{P}b", "/%3Fb?b", "/?b"),
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
