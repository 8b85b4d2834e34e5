"""Fields of REST bodies that tell more than DRF's own."""

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from rest_framework.serializers import (
    CharField,
    ChoiceField,
    DateTimeField,
    Field,
    IntegerField,
    ListSerializer,
    Serializer,
)

from console.lines import IS_NONE, is_line
from console.rest.shapes import date

F = TypeVar("F", bound="Field[Any, Any, Any, Any]")


class OneOf(ChoiceField):
    """Lists what there is to choose from when something else was sent."""

    default_error_messages = {"invalid_choice": '"{input}" is none of {choices}.'}

    def fail(self, key: str, **words: Any) -> NoReturn:
        super().fail(key, choices=", ".join(map(str, self.choices)), **words)


def list_or_null(child: Serializer[Any], **options: Any) -> ListSerializer[Any]:
    """`many=True, allow_null=True` would let entries be null too."""
    return ListSerializer(child=child, allow_null=True, **options)


def made(kind: type[F], how: Callable[[Any], Any], **options: Any) -> F:
    """A field of this kind whose value is made of the whole row."""
    own = {"get_attribute": lambda self, row: how(row), "how": staticmethod(how)}
    return type(kind.__name__, (kind,), own)(**options)


def fixed(kind: type[F], value: Any, **options: Any) -> F:
    """A field of this kind that says the same in every answer."""
    return made(kind, lambda row: value, **options)


class Limit(IntegerField):
    """How many rows of a list are asked for: none at all, for who wants to know how many there are; more than
    `most` is taken as `most`.
    """

    def __init__(self, most: int, **options: Any) -> None:
        self.most = most
        told = f"More than {most:,} is taken as {most:,}; 0 asks for the total alone."
        super().__init__(min_value=0, help_text=told, **{"default": most, **options})

    def to_internal_value(self, data: Any) -> int:
        return min(super().to_internal_value(data), self.most)


class Offset(IntegerField):
    """How many rows of a list are passed over."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"default": 0, "min_value": 0, "max_value": 2**31, **options})


class TextOrNull(CharField):
    """null where the row has no text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"allow_null": True, **options})

    def get_attribute(self, instance: Any) -> str | None:
        return super().get_attribute(instance) or None


class OneLine(CharField):
    """What pages show on one line."""

    default_error_messages = {"not_a_line": IS_NONE}

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        if not is_line(text):
            self.fail("not_a_line")
        return text


class Moment(DateTimeField):
    """Milliseconds and "Z", as Anypoint's clients read times."""

    def to_representation(self, value: Any) -> Any:
        return date(value)
