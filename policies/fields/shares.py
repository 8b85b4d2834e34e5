"""Shares of requests, in percent."""

from typing import Annotated, Any

from pydantic import Field

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


def fraction(percent: float) -> dict[str, Any]:
    """Envoy's FractionalPercent, to a ten thousandth of a percent."""
    return {"numerator": round(percent * 10_000), "denominator": "MILLION"}
