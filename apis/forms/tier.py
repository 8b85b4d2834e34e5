"""The form of an SLA tier: its limits are rows of a number, a time and whether consumers are told."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from pydantic import BaseModel, Field, ValidationError

from apis.contracts.models import Tier
from apis.rules.tiers import LONGEST_NAME, LONGEST_PERIOD_MS, MOST_REQUESTS
from console.forms import rows, schema_data, schema_form

Values = dict[str, Any]
MOST_ROWS = Tier.MOST_LIMITS + 1
"""One more than may be, which says that there are too many."""


class LimitForm(BaseModel):
    maximum_requests: int = Field(
        title="Requests",
        ge=1,
        le=MOST_REQUESTS,
        description="How many pass in one time period.",
        json_schema_extra={"needed": True},
    )
    period_ms: int = Field(
        title="Time period",
        ge=1,
        le=LONGEST_PERIOD_MS,
        description="A month has 30 days, a year 365.",
        json_schema_extra={"format": "duration-ms", "periods": True, "needed": True},
    )
    hidden: bool = Field(
        False,
        title="Hidden from consumers",
        description="It holds, and they are not told of it.",
    )


class TierForm(BaseModel):
    name: str = Field(
        "",
        title="Name",
        max_length=LONGEST_NAME,
        description="As consumers see it when they ask for access.",
        json_schema_extra={"needed": True},
    )
    description: str = Field("", title="Description", json_schema_extra={"format": "multiline"})
    limits: list[LimitForm] = Field(
        title="Limits",
        description="All of them hold: one for bursts, say, and one for a day.",
        json_schema_extra={"minItems": 1, "maxItems": Tier.MOST_LIMITS, "row": "limit"},
    )
    approves_by_itself: bool = Field(
        False,
        title="Approve requests by itself",
        description="Who asks for this tier may call at once; nobody has to decide.",
    )


SCHEMA = TierForm.model_json_schema()
NEW: Values = {"limits": [{"maximum_requests": 100, "period_ms": 60_000}]}


def read(data: QueryDict) -> Values:
    """As it was typed; with the change that a row button asks for."""
    wanted = rows.changed(data) if rows.wanted(data) else data.copy()
    wanted.setlist("limits", wanted.getlist("limits")[:MOST_ROWS])
    return schema_data.read(SCHEMA, wanted, prefix="")


def faults(values: Values) -> dict[str, list[str]]:
    """What is no number, or out of bounds, at its field."""
    found: dict[str, list[str]] = {}
    for at, row in enumerate(values["limits"]):
        try:
            LimitForm.model_validate(row)
        except ValidationError as error:
            for one in error.errors():
                name = str(one["loc"][0])
                found.setdefault(f"limits.{at}.{name}", []).append(_FAULTS[name])
    return found


_FAULTS = {
    "maximum_requests": f"Write a whole number from 1 to {MOST_REQUESTS:,}.",
    "period_ms": "Write a time from 1 millisecond to 366 days.",
    "hidden": "Tick it or not.",
}


def fields_of(values: Values) -> Values:
    """As `apis.changes.tiers` takes them; of values without faults."""
    limits = [LimitForm.model_validate(row) for row in values["limits"]]
    return {
        "name": values.get("name", ""),
        "description": values.get("description", ""),
        "approves_by_itself": values["approves_by_itself"],
        "limits": [
            {
                "maximumRequests": one.maximum_requests,
                "timePeriodInMilliseconds": one.period_ms,
                "visible": not one.hidden,
            }
            for one in limits
        ],
    }


def values_of(tier: Tier) -> Values:
    return {
        "name": tier.name,
        "description": tier.description,
        "approves_by_itself": tier.approves_by_itself,
        "limits": [
            {
                "maximum_requests": one["maximumRequests"],
                "period_ms": one["timePeriodInMilliseconds"],
                "hidden": not one.get("visible", True),
            }
            for one in tier.limits
        ],
    }


def controls(values: Values, errors: Mapping[str, list[str]] | None = None) -> tuple[schema_form.Field, ...]:
    return schema_form.fields(SCHEMA, values, errors or {}, prefix="")


def general(errors: Mapping[str, list[str]]) -> list[str]:
    """What no field shows."""
    return list(errors.get("", ()))
