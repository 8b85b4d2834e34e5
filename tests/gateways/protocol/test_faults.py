"""What pydantic finds wrong, in words for people: the same for a YAML file and for a form."""

import pydantic
import pytest
from pydantic import field_validator

from gateways.protocol.faults import dotted, explained, first, own_words, wanted


class Limits(pydantic.BaseModel, extra="forbid"):
    count: int = 1
    ratio: float = 1
    names: tuple[str, ...] = ()
    is_on: bool = True
    by: dict[str, int] = {}

    @field_validator("count")
    @classmethod
    def _small(cls, count: int) -> int:
        if count > 9:
            raise ValueError("Nine are enough, or fewer")
        return count


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"count": "x"}, "count: must be a whole number"),
        ({"count": 1.5}, "count: must be a whole number"),
        ({"ratio": "x"}, "ratio: must be a number"),
        ({"names": 5}, "names: must be a list"),
        ({"names": ["a", 5]}, "names[1]: must be text; put it in quotes"),
        ({"is_on": "x"}, "is_on: must be true or false"),
        ({"by": 5}, "by: must be a mapping of names to values"),
        ({"cuont": 5}, "cuont: there is no such field; check its spelling"),
        ({"count": 10}, "count: nine are enough, or fewer"),
    ],
)
def test_a_mistake_is_told_with_its_place(given: dict[str, object], said: str) -> None:
    with pytest.raises(pydantic.ValidationError) as found:
        Limits.model_validate(given)

    assert [f"{dotted(path)}: {text}" for path, text in explained(found.value)] == [said]
    assert first(found.value) == said


@pytest.mark.parametrize(
    ("kind", "what"), [("int_from_float", "a whole number"), ("mapping_type", "an object"), ("missing", None)]
)
def test_a_kind_tells_what_was_wanted(kind: str, what: str | None) -> None:
    assert wanted(kind) == what


def test_words_of_ours_are_told_whole() -> None:
    assert own_words("Value error, one, two") == own_words("Assertion failed, one, two") == "one, two"
