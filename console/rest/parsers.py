"""Reads JSON bodies within limits, refusing what no column of ours can hold."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from console.rest.errors import TooLarge

MOST_LEVELS = 100
MOST_VALUES = 50_000
"""Each costs a serializer some 0.1 ms; a hundred routes with ten upstreams each are a fifth of them."""
MOST_DIGITS = 1000
MOST_SHOWN = 80
TOO_MANY = f"The body holds more than {MOST_VALUES:,} values."
TOO_DEEP = f"The body is nested more than {MOST_LEVELS} levels deep."


class BoundedJSONParser(JSONParser):
    """DRF reads a body as it streams in, past Django's own limit: so the limit is held here."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise TooLarge(f"The body has more than {limit} bytes.")
        try:
            found = json.loads(
                raw,
                object_pairs_hook=_object,
                parse_int=_integer,
                parse_float=_number,
                parse_constant=_refuse,
            )
        except RecursionError as error:
            raise ParseError(TOO_DEEP) from error
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}") from error
        try:
            if any("\0" in text for text in _texts(found)):
                raise ParseError("The body holds a NUL character.")
        except UnicodeEncodeError as error:
            raise ParseError("The body holds half of a surrogate pair.") from error
        if not isinstance(found, dict | list):
            raise ParseError(f"The body is {json.dumps(found)[:MOST_SHOWN]}, and has to be an object.")
        return found


def _texts(body: Any) -> Iterator[str]:
    """Every key and every text of the body.

    Raises ParseError where it is nested too deeply or holds too much, UnicodeEncodeError for half of a
    surrogate pair.
    """
    level, values = [body], 0
    for _ in range(MOST_LEVELS + 1):
        values += len(level)
        if values > MOST_VALUES:
            raise ParseError(TOO_MANY)
        for value in level:
            if isinstance(value, str):
                value.encode()
                yield value
        level = [part for value in level for part in _parts(value)]
        if not level:
            return
    raise ParseError(TOO_DEEP)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values of one name, readers take either: neither counts."""
    made = dict(pairs)
    if len(made) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ParseError(f"The body names {json.dumps(twice[:MOST_SHOWN])} twice in one object.")
    return made


def _integer(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ParseError(f"The body holds a number of more than {MOST_DIGITS} digits.")
    return int(text)


def _number(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise ParseError(f"The body holds {text[:MOST_SHOWN]}, which no number of ours can be.")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
