"""What two people made of one form, from what both had seen."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

from console.forms import merging
from console.forms.merging import UNKNOWN, FormPart


class Limit(BaseModel):
    requests: int = 1
    per: Literal["second", "minute"] = "second"


class Login(BaseModel):
    user: str = ""
    password: SecretStr = SecretStr("")


class Form(BaseModel):
    name: str = ""
    is_on: bool = False
    size: int = 5
    tags: list[str] = []
    limits: list[Limit] = []
    login: Login = Login()
    logins: list[Login] = Field(default=[])


PART = FormPart("form", Form.model_json_schema(), "config")


def merged(
    before: Any, mine: dict[str, Any], theirs: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """(what the form holds then, without what is empty, whose each place is)"""
    filled = [one if one is UNKNOWN else merging.filled(PART, one) for one in (before, mine, theirs)]
    found, places = merging.merge(PART, *filled)
    return merging.shown(found), {one.name: one.side for one in places}


def test_what_one_changed_is_taken_from_that_one() -> None:
    found, places = merged({"name": "a", "size": 1}, {"name": "b", "size": 1}, {"name": "a", "is_on": True})

    assert (found["name"], found["is_on"], found["size"]) == ("b", True, 5)
    assert places == {"config.name": "mine", "config.is_on": "theirs", "config.size": "theirs"}


def test_what_both_made_alike_is_no_difference() -> None:
    assert merged({"name": "a"}, {"name": "b"}, {"name": "b"})[1] == {}


def test_what_was_left_empty_is_the_default() -> None:
    assert merged({}, {"size": 5, "tags": []}, {"name": ""})[1] == {}


def test_what_both_changed_is_a_conflict_in_which_mine_stands() -> None:
    found, places = merged({"name": "a"}, {"name": "b"}, {"name": "c"})

    assert (found["name"], places) == ("b", {"config.name": "conflict"})


def test_ends_of_lines_are_no_change() -> None:
    assert merged({"name": "a\nb"}, {"name": "a\r\nb"}, {"name": "a\nb"})[1] == {}


TAGS: tuple[tuple[list[str], list[str], list[str], list[str] | None], ...] = (
    (["a"], ["a", "b"], ["a", "c"], ["a", "c", "b"]),
    (["a"], ["a", "b"], ["a", "b"], ["a", "b"]),
    (["a"], ["a", "b", "c"], ["a", "b"], ["a", "b", "c"]),
    (["a", "b", "c"], ["a", "c"], ["a", "b", "c", "d"], ["a", "c", "d"]),
    (["a", "b", "c"], ["x", "b", "c"], ["a", "b", "y"], ["x", "b", "y"]),
    (["a", "b"], ["b"], ["b"], ["b"]),
    (["a", "b"], [], ["a", "b", "c"], ["c"]),
    (["a", "b", "c"], ["c", "b", "a"], ["a", "b", "c"], ["c", "b", "a"]),
    (["a"], ["b"], ["c"], None),
    (["a", "b", "c"], ["a", "c"], ["a", "x", "c"], None),
)


@pytest.mark.parametrize(("before", "mine", "theirs", "both"), TAGS)
def test_lists_have_what_both_did_to_them(
    before: list[str], mine: list[str], theirs: list[str], both: list[str] | None
) -> None:
    found, places = merged({"tags": before}, {"tags": mine}, {"tags": theirs})

    assert found["tags"] == (mine if both is None else both)
    assert ("conflict" in places.values()) is (both is None)


def test_very_long_lists_are_not_compared_item_by_item() -> None:
    before = [str(number) for number in range(merging.MOST_ITEMS + 1)]

    _, places = merged({"tags": before}, {"tags": [*before, "mine"]}, {"tags": ["theirs", *before]})

    assert places == {"config.tags": "conflict"}


def test_rows_are_merged_field_by_field() -> None:
    before = {"limits": [{"requests": 1}, {"requests": 2}]}
    mine = {"limits": [{"requests": 9}, {"requests": 2}]}
    theirs = {"limits": [{"requests": 1, "per": "minute"}, {"requests": 2}]}

    found, places = merged(before, mine, theirs)

    assert found["limits"][0] == {"requests": 9, "per": "minute"}
    assert places == {"config.limits.0.requests": "mine", "config.limits.0.per": "theirs"}


def test_a_row_that_one_moved_keeps_its_place_beside_what_the_other_changed() -> None:
    rows = [{"requests": 1}, {"requests": 2}]

    found, places = merged({"limits": rows}, {"limits": rows[::-1]}, {"limits": [{"requests": 7}, rows[1]]})

    assert places == {"config.limits": "both"}
    assert [one["requests"] for one in found["limits"]] == [2, 7]


def test_rows_that_both_moved_are_chosen_whole() -> None:
    rows = [{"requests": number} for number in (1, 2, 3)]
    mine, theirs = [rows[1], rows[0], {"requests": 9}], [rows[2], {"requests": 8}, rows[0]]

    found, places = merged({"limits": rows}, {"limits": mine}, {"limits": theirs})

    assert places == {"config.limits": "conflict"}
    assert [one["requests"] for one in found["limits"]] == [2, 1, 9]


def test_a_row_that_one_added_stays_beside_what_the_other_changed() -> None:
    rows = [{"requests": 1}, {"requests": 2}]

    found, _ = merged(
        {"limits": rows}, {"limits": [rows[0], {"requests": 9}]}, {"limits": [{"requests": 5}, *rows]}
    )

    assert [one["requests"] for one in found["limits"]] == [5, 1, 9]


def test_rows_with_stored_secrets_are_never_moved_by_us() -> None:
    rows = [{"user": "ann"}, {"user": "bob"}]

    _, places = merged(
        {"logins": rows}, {"logins": [{"user": "a"}, rows[1]]}, {"logins": [*rows, {"user": "c"}]}
    )

    assert places == {"config.logins": "conflict"}


def test_a_secret_that_another_stored_is_noticed_and_not_told() -> None:
    before, now = (FormPart("form", PART.schema, "config", {"login.password": one}) for one in ("a", "b"))
    sides = [merging.filled(before, {}), merging.filled(before, {}), merging.filled(now, {})]

    found, places = merging.merge(now, *sides)

    assert [(one.name, one.side) for one in places] == [("config.login.password", "theirs")]
    assert "password" not in merging.shown(found)["login"]
    assert sides[2]["login"]["password"] != f"{merging.STORED}b"


def test_of_what_nobody_knows_all_that_differs_is_a_conflict() -> None:
    _, places = merged(UNKNOWN, {"name": "a", "limits": [{"requests": 1}]}, {"limits": [{"requests": 2}]})

    assert places == {"config.name": "conflict", "config.limits.0.requests": "conflict"}


@pytest.mark.parametrize(
    "name", ["name", "config.", "config.nothing", "config.limits.7.requests", "config.tags.0.0"]
)
def test_a_name_that_is_not_there_changes_nothing(name: str) -> None:
    values = merging.filled(PART, {"tags": ["a"], "limits": [{}]})
    before = merging.filled(PART, {"tags": ["a"], "limits": [{}]})

    merging.put(PART, values, name, "x")

    assert values == before
    assert merging.got(PART, values, name) is UNKNOWN
