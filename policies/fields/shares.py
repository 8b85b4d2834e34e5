"""Shares of requests, in percent."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

LEAST = 0.0001
"""Envoy draws no smaller share."""


def _drawn(percent: float) -> float:
    if 0 < percent < LEAST:
        raise PydanticCustomError("share", f"so small a share is never drawn; write {LEAST} at least")
    return percent


Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False), AfterValidator(_drawn)]


def fraction(percent: float) -> dict[str, Any]:
    """Envoy's FractionalPercent, to a ten thousandth of a percent."""
    return {"numerator": round(percent * 10_000), "denominator": "MILLION"}
