"""What is said of two expressions is true of every path, as Envoy is given them; in doubt, nothing is."""

import random

import pytest
import re2

from gateways.agent.xds.path_regex import over_paths, over_targets
from gateways.protocol.languages import Effort, are_disjoint, contains


@pytest.mark.parametrize(
    ("outer", "inner", "is_sure"),
    [
        ("/a.*", "/a/b", True),
        ("/orders/[^/]+", r"/orders/\d+", True),
        ("/orders/[^/]+", "/orders/.*", False),
        ("/(v1|v2)/.*", "/v2/x(/.*)?", True),
        ("/(?P<v>v1|v2)/.*", "/v3/x", False),
        ("/[a-c]{2,3}", "/ab", True),
        ("/[a-c]{2,3}", "/abca", False),
        ("/.*/x", "/a/b/x", True),
        ("/a/?", "/a", True),
        ("/x/[^/]*/y", "/x/y", False),
        ("/x/.", "/x/[^/]", False),
        (r"/a\.b", "/a.b", False),
        ("/a%2Fb.*", "/a%2Fb", False),
        ("(?i)/a", "/a", False),
        ("/é.*", "/é", False),
        ("((", "/a", False),
        ("(" * 200 + ")" * 200, "/a", False),
        ("((((){200}){200}){200}){200}", "/a", False),
    ],
)
def test_one_that_contains_another(outer: str, inner: str, is_sure: bool) -> None:
    assert contains(outer, inner) is is_sure


def test_case_counts_or_not() -> None:
    assert contains("GET|POST", "get", ignores_case=True)
    assert not contains("GET|POST", "get")
    assert are_disjoint("GET|POST", "put", ignores_case=True)
    assert not are_disjoint("GET|POST", "p.*", ignores_case=True)


@pytest.mark.parametrize(
    ("route", "condition", "is_sure"),
    [
        ("/orders", "/items/.*", True),
        ("/orders/[^/]+", "/orders", True),
        ("/a/.*", "/b.*", True),
        ("/a/.*", "/[^/]+/c", False),
        ("/x/[^/]+z", "/x/y", False),
        ("/a.", "/a", False),
        ("/[^/]+", "/@", False),
    ],
)
def test_a_condition_that_no_path_of_a_route_meets(route: str, condition: str, is_sure: bool) -> None:
    assert are_disjoint(route, condition, as_condition=True) is is_sure


PIECES = (
    "/",
    "/a",
    "/b",
    "a",
    "b",
    "[^/]+",
    ".*",
    "[ab]",
    "(a|/b)",
    "(?:b)?",
    "[^/]*",
    "a{2}",
    "@",
    "[a/]",
    "/+",
)
SENT = ("/", "//", "a", "b", "%2F", "%40", "@", "%20", "é", ";x", ".", "%2540", "%252F")


def test_what_is_said_is_true_of_all_that_is_sent() -> None:
    """Over random expressions and targets: as routes and as conditions are given to Envoy."""
    chance = random.Random(14)
    paths = ["/" + "".join(chance.choices(SENT, k=chance.randint(0, 5))) for _ in range(1500)]
    contained = disjoint = 0
    for _ in range(600):
        one, other = ("/" + "".join(chance.choices(PIECES, k=chance.randint(1, 4))) for _ in "ab")
        takes, also = re2.compile(over_paths(one)), re2.compile(over_paths(other))
        taken = list(filter(takes.fullmatch, paths))
        if contains(one, other):
            contained += 1
            assert set(filter(also.fullmatch, paths)) <= set(taken), (one, other)
        if are_disjoint(one, other, as_condition=True):
            disjoint += 1
            holds = re2.compile(over_targets(other))
            assert not list(filter(holds.fullmatch, taken)), (one, other)
    assert contained > 20
    assert disjoint > 20


def test_what_takes_long_to_compare_is_not_sure() -> None:
    hard = "/" + "(ab|ba)*.*a[ab]{8}[a-m].*" * 4
    effort = Effort()

    found = [contains(f"{hard}{number}", f"{hard}{number + 1}", effort=effort) for number in range(100)]

    assert not any(found)
    assert effort.left <= 0
    assert not contains("/a.*", "/a/b", effort=effort)
