"""Policies with conditions of their own, as many as one likes: each runs when its own hold, in its place."""

import pytest

from tests.traffic.gateway import Gateway
from tests.traffic.test_conditions_held import API, binding, counted

pytestmark = pytest.mark.envoy
MANY = 20


def adding(number: int) -> str:
    return f'{{inboundHeaders: [{{key: x-seen-{number}, value: "1"}}]}}'


def seen(gateway: Gateway, path: str, **headers: str) -> list[int]:
    """The numbers of the policies that the request has passed."""
    names = gateway.get(path, headers=headers).json()["headers"]
    return sorted(int(name.removeprefix("x-seen-")) for name in names if name.startswith("x-seen-"))


def test_twenty_policies_each_with_a_condition_of_its_own(gateway: Gateway) -> None:
    names = [f"many-{number}" for number in range(1, MANY + 1)]
    bindings = [
        binding(name, at, f"rules: [{{headers: {{x-ask: '.*-{at}-.*'}}}}]", config=adding(at))
        for at, name in enumerate(names, 1)
    ]
    ack = gateway.apply(API + "".join(bindings))
    assert not [one.reason for one in ack.resources if one.reason]

    for asked in ([], [1], [20], [7, 8], [3, 6, 9, 12, 19], list(range(1, MANY + 1))):
        text = "".join(f"-{at}-" for at in asked) or "none"
        assert seen(gateway, "/held/x", **{"x-ask": text}) == asked

    held = counted(gateway, 6)
    assert held["many-1"] == 2
    assert held["many-19"] == 2
    assert held["many-2"] == 1


def test_among_many_one_that_refuses_keeps_its_place(gateway: Gateway) -> None:
    nobody = "{ips: [203.0.113.1]}"
    closing = binding("close", 15, "rules: [{path: /closed}]", "ip-allowlist", nobody)
    others = [
        binding(f"m-{at}", at, f"rules: [{{path: /p{at}}}]", config=adding(at)) for at in range(1, MANY + 1)
    ]
    ack = gateway.apply(API + "".join([*others, closing]))
    assert not [one.reason for one in ack.resources if one.reason]

    assert gateway.get("/held/closed").status_code == 403
    assert seen(gateway, "/held/p18") == [18]
    assert seen(gateway, "/held/open") == []


def test_what_stands_between_many_keeps_its_place(gateway: Gateway) -> None:
    """Native filters and scripts, with conditions and without, in more turns than there are slots for."""
    value = "#[(attributes.headers['x-way'] default '') ++ '{at}']"
    bindings = []
    for at in range(10, 34):
        text = value.format(at=f"{at} ") if at % 3 else f"s{at}"
        name = "x-way" if at % 3 else "x-other"
        rules = "" if at % 4 == 0 else f"rules: [{{headers: {{x-ask: '.*-{at}-.*'}}}}]"
        config = f'{{inboundHeaders: [{{key: {name}, value: "{text}"}}]}}'
        bindings.append(binding(f"b-{at}", at, rules, config=config))
    ack = gateway.apply(API + "".join(bindings))
    assert not [one.reason for one in ack.resources if one.reason]

    headers = gateway.get("/held/x", headers={"x-ask": "-11--13--22--31-"}).json()["headers"]

    ran = sorted({11, 13, 22, 31, *range(12, 34, 4)} & {at for at in range(10, 34) if at % 3})
    assert headers["x-way"].replace(",", " ").split()[-len(ran) :] == [str(at) for at in ran]
