"""What pydantic finds wrong, in words for people: the same for a YAML file and for a form."""

import pydantic
import pytest
from pydantic import field_validator

from gateways.protocol.faults import dotted, ended, explained, first, own_words, wanted


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


class Window(pydantic.BaseModel, extra="forbid"):
    period_ms: int = pydantic.Field(1, alias="periodMs")


class Tier(pydantic.BaseModel, extra="forbid"):
    """Holds others in all ways that there are."""

    first: Window | None = None
    many: tuple[Window, ...] = ()
    named: dict[str, Window] = {}
    limits: Limits = Limits()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"frist": {}}, 'frist: there is no such field; did you mean "first"?'),
        ({"first": {"periodMS": 1}}, 'first.periodMS: there is no such field; did you mean "periodMs"?'),
        ({"many": [{}, {"period": 1}]}, 'many[1].period: there is no such field; did you mean "periodMs"?'),
        ({"named": {"a": {"period": 1}}}, 'named.a.period: there is no such field; did you mean "periodMs"?'),
        ({"limits": {"periodMs": 1}}, "limits.periodMs: there is no such field; check its spelling"),
    ],
)
def test_a_misspelt_field_is_told_what_it_may_be(given: dict[str, object], said: str) -> None:
    with pytest.raises(pydantic.ValidationError) as found:
        Tier.model_validate(given)

    assert [f"{dotted(path)}: {text}" for path, text in explained(found.value, Tier)] == [said]


def test_many_mistakes_are_told_in_time() -> None:
    with pytest.raises(pydantic.ValidationError) as found:
        Tier.model_validate({"frist" * 1000 + str(at): 1 for at in range(20_000)})

    assert len(list(explained(found.value, Tier))) == 20_000


@pytest.mark.parametrize(
    ("text", "sentence"), [("it lacks", "it lacks."), ('is it "a"?', 'is it "a"?'), ("it.", "it.")]
)
def test_a_sentence_ends_with_one_sign(text: str, sentence: str) -> None:
    assert ended(text) == sentence


@pytest.mark.parametrize(
    ("kind", "what"), [("int_from_float", "a whole number"), ("mapping_type", "an object"), ("missing", None)]
)
def test_a_kind_tells_what_was_wanted(kind: str, what: str | None) -> None:
    assert wanted(kind) == what


def test_words_of_ours_are_told_whole() -> None:
    assert own_words("Value error, one, two") == own_words("Assertion failed, one, two") == "one, two"
