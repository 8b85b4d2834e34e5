"""Short texts of few kinds of characters: names, paths."""

import re

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError


def shaped(pattern: str, reason: str) -> AfterValidator:
    """Annotates a text that is refused where the pattern is not found; the reason says what to write."""
    compiled = re.compile(pattern)

    def checked(value: str) -> str:
        if not compiled.search(value):
            raise PydanticCustomError("shape", '"{value}" {reason}', {"value": value, "reason": reason})
        return value

    return AfterValidator(checked)
