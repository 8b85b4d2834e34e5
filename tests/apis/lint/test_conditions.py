"""More different conditions than gateways have room for are told where policies are edited."""

import pytest

from apis.lint.findings import findings
from apis.models import ApiInstance, PolicyBinding
from gateways.agent.xds.filter_chain import TooManyConditions, filled
from gateways.agent.xds.policy_filters import PolicyFilters
from gateways.protocol.conditions import IN_ANY_ORDER, TOGETHER
from gateways.protocol.rules import Rule
from policies.compiled import TYPE_URL, Filter
from tests.apis.views.pages import make_place, make_saved_api

NATIVE = (Filter("own", {"@type": TYPE_URL + "envoy.extensions.filters.http.set_metadata.v3.Config"}),)
ALWAYS = PolicyFilters(NATIVE)


def under(number: int) -> PolicyFilters:
    return PolicyFilters(NATIVE, (Rule(path=f"/{number}"),), f"p{number}")


def test_a_gateway_has_room_for_just_so_many() -> None:
    assert filled("/", [under(number) for number in range(TOGETHER)])
    with pytest.raises(TooManyConditions, match=f"more than {TOGETHER} different"):
        filled("/", [under(number) for number in range(TOGETHER + 1)])
    assert filled("/", [one for number in range(IN_ANY_ORDER) for one in (ALWAYS, under(number))])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "different", "told"),
    [
        (0, TOGETHER, []),
        (0, TOGETHER + 1, ["conditions-too-many"]),
        (1, IN_ANY_ORDER, []),
        (1, IN_ANY_ORDER + 1, ["conditions-many"]),
    ],
)
def test_more_are_found(before: int, different: int, told: list[str]) -> None:
    api = make_saved_api(make_place())
    paths = ["", *[f"/{number}" for number in range(different)], "/0"][1 - before :]
    PolicyBinding.objects.bulk_create(binding(api, at, path) for at, path in enumerate(paths))

    found = [one for one in findings(api).told if one.code.startswith("conditions")]

    assert [one.code for one in found] == told
    last = api.policies.order_by("order")[before + different - 1]
    assert all(one.place.path.endswith(f"/policies/{last.pk}") for one in found)


def binding(api: ApiInstance, at: int, path: str) -> PolicyBinding:
    config = {"outboundHeaders": [{"key": "x-at", "value": "1"}]}
    conditions = [{"uriTemplateRegex": path}] if path else []
    return PolicyBinding(
        api=api, policy="header-injection", order=at + 1, config=config, conditions=conditions
    )
