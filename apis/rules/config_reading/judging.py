"""What a policy's own model says of a configuration, as plain values. Without Django."""

from collections.abc import Mapping
from typing import Any

import pydantic

from apis.rules.config_reading import limits
from policies import advice, catalog

MOST_FAULTS = 50
"""More are told when these are mended: each costs a millisecond, and a body may have a hundred thousand."""


def judged(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """{"faults"} of one that is not sound, {"advice"} of one that is."""
    policy = catalog.alone(name)
    try:
        model = policy.config.model_validate(dict(config))
    except pydantic.ValidationError as error:
        return {"faults": [_plain(one) for one in faults(error)]}
    return {"advice": [[one.field, one.message] for one in advice.advice(policy, model)]}


def faults(error: pydantic.ValidationError) -> list[dict[str, Any]]:
    return [dict(one) for one in error.errors(include_url=False)[:MOST_FAULTS]]


def _plain(fault: dict[str, Any]) -> dict[str, Any]:
    """A value that is neither text nor number is never repeated."""
    value = fault.get("input")
    if isinstance(value, str):
        value = value[: limits.LONGEST_INPUT]
    return {**fault, "input": value if isinstance(value, str | int | float) else None}
