"""Patterns for the names of APIs, in rules of application."""

import random
from uuid import UUID

import pytest
import re2

from apis.automated import rule
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.automated.rule import CoverageRule, Crowd, RuleSubject
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


def test_whom_a_rule_covers_of_many_is_whom_it_covers_one_by_one() -> None:
    chance, gateways = random.Random(1), [UUID(int=number) for number in range(4)]
    names = ("Orders", "ORDERS eu", "My orders", "Stra\u00dfe", "a\u2028b", "x.y", "x", "(x)")
    patterns = (*("", "", "", "ord*", "*orders*", "x?y", "*", "(x)", "?", "*s", "stra*e"), "[^x]*", ".*ers.*")

    def some(texts: tuple[str, ...]) -> list[str]:
        return chance.sample(texts, chance.choice((0, 0, 1, 2)))

    def policy() -> AutomatedPolicy:
        pattern, given = chance.choice(patterns), chance.sample(range(50), 9)
        made = AutomatedPolicy(
            tags=some(("EU", "pci")),
            gateways=chance.sample(gateways, chance.choice((0, 0, 2))),
            names=pattern,
            names_are="regex" if "[" in pattern or "." in pattern else "wildcard",
        )
        if chance.random() < 0.1:
            made.policy_set = PolicySet(name="Set", apis=given)
        return made

    for more in ((), ("two\nlines",)):
        apis = [
            RuleSubject(
                pk,
                chance.choice((*names, *more)),
                chance.choice(("", "", "eu", "x")),
                tuple(some(("eu", "PCI", "us"))),
                chance.choice((None, *gateways)),
            )
            for pk in range(60)
        ]
        crowd = Crowd(apis)
        for rule_ in (CoverageRule(policy()) for _ in range(200)):
            assert rule_.of(crowd) == {api.pk for api in apis if rule_.covers(api)}
    assert rule_.of(Crowd([])) == set()
