"""Bodies in which a name that does not exist is refused: what it was meant to say must not go unsaid."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers as s

from gateways.protocol.faults import did_you_mean

MOST_TOLD = 20


class StrictSerializer(s.Serializer[Any]):
    """Other bodies leave out what they do not know, since clients send back all that an answer holds.

    `also_known` are names of the answer that say nothing in a body.
    """

    also_known: tuple[str, ...] = ()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            known = [*self.fields, *self.also_known]
            unknown = [str(name) for name in data if name not in known]
            if unknown:
                told = {name: [_told(name, list(self.fields))] for name in unknown[:MOST_TOLD]}
                raise s.ValidationError(told, code="unknown")
        return super().to_internal_value(data)


def _told(name: str, known: list[str]) -> str:
    return f"There is no such field{did_you_mean(name, known) or '; there are ' + ', '.join(known) + '.'}"
