"""Bodies in which a name that does not exist is refused: what it was meant to say must not go unsaid."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from rest_framework import serializers as s

from console.rest import left_out
from gateways.protocol.faults import did_you_mean

MOST_TOLD, MOST_LEFT_OUT = 20, 200
LONGEST_TOLD = 80
MISSPELT = 0.85
"""How alike, of 1, a name must be to one that there is so that it was meant."""


class StrictSerializer(s.Serializer[Any]):
    """`also_known` are names of the answer that say nothing in a body: clients send back what they read."""

    also_known: tuple[str, ...] = ()

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (strange := self._strange(data)):
            told = {name: [_told(name, list(self.fields))] for name in strange[:MOST_TOLD]}
            raise s.ValidationError(told, code="unknown")
        return super().to_internal_value(data)

    def _strange(self, data: Mapping[Any, Any]) -> list[str]:
        known = {*self.fields, *self.also_known}
        return [str(name) for name in data if name not in known]


class ForgivingSerializer(StrictSerializer):
    """Of bodies into which clients of other API managers write more than there is here: a misspelt name alone
    is refused, of others the header Warning says that they are left out, unless they are very many.
    """

    def _strange(self, data: Mapping[Any, Any]) -> list[str]:
        found = super()._strange(data)
        if len(found) > MOST_LEFT_OUT:
            return found
        misspelt = [name for name in found if get_close_matches(name, self.fields, 1, MISSPELT)]
        others = [name[:LONGEST_TOLD] for name in found if name not in misspelt][:MOST_TOLD]
        left_out.tell(dict.fromkeys(others, "There is no such field; it is left out."))
        return misspelt


def names_of(*shapes: type[s.Serializer[Any]]) -> tuple[str, ...]:
    """What answers of these shapes hold."""
    return tuple({str(name): None for one in shapes for name in one().fields})


def _told(name: str, known: list[str]) -> str:
    return f"There is no such field{did_you_mean(name, known) or '; there are ' + ', '.join(known) + '.'}"
