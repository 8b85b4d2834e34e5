"""What answers of many rows show is what DRF's own serializers would."""

from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework import serializers as s

from apis.rest.answers import InstanceShape
from apis.rest.instances import _context
from console.rest.fields import Moment, TextOrNull, fixed, made
from console.rest.reading import Answer
from tests.apis.views.pages import make_place, make_saved_api
from tests.rest import Rest


class Part(Answer):
    word = s.CharField(source="text")


class Whole(Answer):
    number = s.IntegerField(source="count")
    name = s.CharField(source="owner.name", allow_null=True)
    left_out = s.CharField(source="nowhere", required=False)
    secret = s.CharField(write_only=True)
    kept = s.CharField(source="facts.kept", allow_null=True)
    called = s.CharField(source="call")
    flag = s.BooleanField()
    text = TextOrNull()
    same = fixed(s.CharField, None, allow_null=True)
    twice = made(s.IntegerField, lambda row: 2 * row.count)
    at = Moment(allow_null=True)
    part = Part(allow_null=True)
    parts = Part(many=True)
    all_of_it = Part(source="*")
    chosen = s.SerializerMethodField()

    def get_chosen(self, row: Any) -> str:
        return f"{row.count} chosen"


def row(**fields: Any) -> Any:
    given = {
        "count": 3,
        "owner": SimpleNamespace(name="ann"),
        "facts": {"kept": "yes"},
        "call": lambda: "answered",
        "flag": True,
        "text": "",
        "at": None,
        "part": SimpleNamespace(text="one"),
        "parts": [SimpleNamespace(text="two"), SimpleNamespace(text=5)],
    }
    return SimpleNamespace(**given | fields)


@pytest.mark.parametrize("changed", [{}, {"owner": None}, {"facts": {}}, {"part": None, "parts": []}])
def test_a_row_is_shown_as_by_drf(changed: dict[str, Any]) -> None:
    shape, one = Whole(), row(**changed)

    assert shape.to_representation(one) == s.Serializer.to_representation(shape, one)


def test_what_a_row_lacks_is_a_fault_as_in_drf() -> None:
    with pytest.raises(AttributeError):
        Whole().to_representation(SimpleNamespace(count=3))


@pytest.mark.django_db
def test_an_instance_is_shown_as_by_drf() -> None:
    place = make_place()
    api = make_saved_api(place, deploy=True)
    request: Any = SimpleNamespace(user=place.user, auth=None)
    shape = InstanceShape(context=_context(request, [api]))

    assert shape.to_representation(api) == s.Serializer.to_representation(shape, api)


@pytest.mark.django_db
def test_a_list_has_its_instances_in_the_order_that_is_asked_for() -> None:
    place = make_place()
    made_apis = [make_saved_api(place, name) for name in ("Orders", "Accounts", "Payments")]
    rest = Rest(place.user, place.environment)

    def listed(query: str) -> list[int]:
        return [one["id"] for one in rest("GET", f"AMX/apis?{query}").data["instances"]]

    orders, accounts, payments = (one.pk for one in made_apis)
    assert listed("sort=name&ascending=true") == [accounts, orders, payments]
    assert listed("sort=name&ascending=false&limit=2") == [payments, orders]
    assert listed("sort=id&ascending=true&limit=1&offset=1") == [accounts]
    assert listed("limit=0") == []
