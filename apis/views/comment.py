"""The field for a word on why something is deployed."""

from collections.abc import Sequence

from apis.changes.review import MOST_COMMENT
from console.forms.schema_form import Field


def comment_field(typed: str, label: str, about: str, errors: Sequence[str] = ()) -> Field:
    """`typed` is what it holds, `about` what becomes of it."""
    return Field(
        "area",
        "comment",
        label,
        about,
        value=typed,
        errors=tuple(errors),
        attributes={"maxlength": MOST_COMMENT},
    )
