"""Names and values of HTTP headers as people write them into policies."""

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
MOST_BYTES = 16384
"""Envoy takes no longer value."""
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _checked_name(name: str) -> str:
    if not TOKEN.fullmatch(name):
        raise PydanticCustomError(
            "header_name",
            '"{name}" is not a header name; use letters, digits and hyphens, such as x-request-source',
            {"name": name},
        )
    if name.lower() == "host":
        raise PydanticCustomError(
            "header_name", '"host" cannot be set here; the gateway sets it to the address of the upstream'
        )
    return name


HeaderName = Annotated[str, AfterValidator(_checked_name)]


def checked_value(value: str) -> str:
    """Raises PydanticCustomError for a value that would end its header line."""
    if CONTROL.search(value):
        raise PydanticCustomError(
            "header_value", "a header's value cannot hold line breaks or control characters; remove them"
        )
    if (count := len(value.encode())) > MOST_BYTES:
        raise PydanticCustomError(
            "header_value",
            "a header's value has at most {most} bytes, this one {count}",
            {"most": MOST_BYTES, "count": count},
        )
    return value
