"""Where policies stand, what they need of each other, and what is said where they do not get it."""

from pathlib import Path
from typing import Any

import pytest

from policies.catalog import find
from policies.compiled import Scope
from policies.order import misplaced, place, unserved
from policies.policy import Phase

BY_PRINCIPAL = "#[authentication.principal]"
LIMIT = {"rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 1000}]}
BASIC = {"username": "ada", "password": "secret"}


def use(name: str, config: dict[str, Any]) -> Any:
    policy = find(name)
    return policy, policy.config.model_validate(config)


@pytest.mark.parametrize(
    ("phases", "phase", "expected"),
    [
        ([], Phase.LIMIT, 0),
        ([Phase.CORS, Phase.LIMIT], Phase.IDENTIFY, 1),
        ([Phase.LIMIT, Phase.TRANSFORM], Phase.LIMIT, 1),
        # The user's own order holds: it stands behind all that go before it.
        ([Phase.TRANSFORM, Phase.IDENTIFY], Phase.AUTHORIZE, 2),
        ([Phase.TRANSFORM], Phase.LOG, 1),
    ],
)
def test_a_policy_stands_behind_all_that_go_before_it(
    phases: list[Phase], phase: Phase, expected: int
) -> None:
    assert place(phases, phase) == expected


def test_who_reads_what_only_a_later_policy_gives_is_told() -> None:
    limit = use("rate-limiting", LIMIT | {"keySelector": BY_PRINCIPAL})
    basic = use("http-basic-authentication", BASIC)

    assert list(unserved([basic, limit])) == []
    ((at, message),) = unserved([limit, basic])
    assert at == 0
    assert message.endswith("move it behind Basic Authentication: Simple")
    ((_, alone),) = unserved([limit])
    assert alone.endswith("apply a policy that does, before this one")


def test_what_checks_callers_behind_a_cache_is_told() -> None:
    cache, basic = use("http-caching", {}), use("http-basic-authentication", BASIC)

    assert list(misplaced([basic, cache])) == []
    ((at, message),) = misplaced([cache, basic])
    assert (at, "HTTP Caching" in message) == (1, True)


def test_on_the_way_back_every_policy_has_been_passed() -> None:
    header = use("header-injection", {"outboundHeaders": [{"key": "x-who", "value": BY_PRINCIPAL}]})
    early = use("header-injection", {"inboundHeaders": [{"key": "x-who", "value": BY_PRINCIPAL}]})
    basic = use("http-basic-authentication", BASIC)

    assert list(unserved([header, basic])) == []
    assert [at for at, _ in unserved([early, basic])] == [0]


@pytest.mark.parametrize(
    ("value", "needs"),
    [
        (BY_PRINCIPAL, {"authentication"}),
        ("#[if (true) vars.claimSet.a else 'x']", {"vars"}),
        # The word alone is a text like any other.
        ("#['authentication']", set()),
    ],
)
def test_a_script_needs_what_its_expressions_read(value: str, needs: set[str]) -> None:
    policy = find("header-injection")
    config = policy.config.model_validate({"inboundHeaders": [{"key": "x-a", "value": value}]})

    (made,) = policy.compile(config, Scope("b", "default/api", "", Path("/state"))).filters

    assert made.needs == needs
