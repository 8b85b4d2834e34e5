"""Lists of regular expressions over a text that callers send; they run in RE2."""

from typing import Annotated, Any

import re2
from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from policies.apart import is_unread
from policies.policy import at_most

MOST_PATTERNS, MOST_CHARACTERS = 100, 512
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


def _checked(pattern: str, info: ValidationInfo) -> str:
    if is_unread(info):
        return pattern
    if not pattern.strip():
        raise PydanticCustomError("pattern", "write a regular expression")
    if len(pattern) > MOST_CHARACTERS:
        raise PydanticCustomError(
            "pattern",
            "a regular expression has at most {most} characters, this one {count}",
            {"most": MOST_CHARACTERS, "count": len(pattern)},
        )
    try:
        re2.compile(f"(?is:{pattern})", _OPTIONS)
    except re2.error as error:
        raise PydanticCustomError(
            "pattern",
            '"{pattern}" is not an RE2 regular expression: {reason}',
            {"pattern": pattern, "reason": error.args[0].decode()},
        ) from None
    return pattern


Pattern = Annotated[str, AfterValidator(_checked)]
Patterns = Annotated[
    tuple[Pattern, ...],
    at_most(MOST_PATTERNS, "expressions"),
    Field(json_schema_extra={"maxItems": MOST_PATTERNS}),
]


def anywhere(patterns: tuple[str, ...]) -> dict[str, Any]:
    """xDS's StringMatcher for texts in which one of them is found, in upper or lower case."""
    either = "|".join(f"(?:{one})" for one in patterns)
    return {"safe_regex": {"google_re2": {}, "regex": f"(?is:.*(?:{either}).*)"}}
