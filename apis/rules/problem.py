"""What stands in the way of a save, and the refusal made of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from console.models import Environment


@dataclass(frozen=True)
class Problem:
    """`code` is "conflict" when the value would be right if something else did not hold it already."""

    field: str
    message: str
    code: str = "invalid"


def elsewhere(thing: str, environment: Environment) -> str:
    """The message for what belongs to another environment, or no longer exists."""
    return f"{thing} is not in environment {environment}; choose one that is."


def refuse(problems: Iterable[Problem]) -> None:
    """Raise ValidationError with every problem, by field; each keeps its code. Without one do nothing."""
    found: dict[str, list[ValidationError]] = {}
    for problem in problems:
        found.setdefault(problem.field, []).append(ValidationError(problem.message, code=problem.code))
    if found:
        raise ValidationError(found)
