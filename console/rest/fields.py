"""Fields of REST bodies that tell more than DRF's own."""

from typing import Any, NoReturn

from rest_framework.serializers import ChoiceField, ListSerializer, Serializer


class OneOf(ChoiceField):
    """Lists what there is to choose from when something else was sent."""

    default_error_messages = {"invalid_choice": '"{input}" is none of {choices}.'}

    def fail(self, key: str, **words: Any) -> NoReturn:
        super().fail(key, choices=", ".join(map(str, self.choices)), **words)


def list_or_null(child: Serializer[Any], **options: Any) -> ListSerializer[Any]:
    """`many=True, allow_null=True` would let entries be null too."""
    return ListSerializer(child=child, allow_null=True, **options)
