"""Reads JSON bodies within limits, refusing what no column of ours can hold."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from console.rest.errors import TooLarge


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
            found = json.loads(raw, parse_constant=_refuse)
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ParseError("The body holds half of a surrogate pair.") from error
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not JSON: {error}") from error
        if b"\\u0000" in raw:
            raise ParseError("The body holds a NUL character.")
        return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
