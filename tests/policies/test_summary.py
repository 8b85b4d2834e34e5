"""A configuration in one line."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from policies.summary import MAX_LENGTH, summary


class Limit(BaseModel):
    maximumRequests: int = Field(title="Requests")  # noqa: N815 — the parameter's own name
    timePeriodInMilliseconds: int = Field(title="Time period")  # noqa: N815


class Pair(BaseModel):
    key: str
    value: str


class Config(BaseModel):
    name: str = Field("", title="Name")
    shared: bool = Field(True, title="Share")
    loud: bool = Field(False, title="Loud")
    limits: list[Limit] = Field([], title="Limits")
    ips: list[str] = Field([], title="Addresses")
    pairs: list[Pair] = Field([], title="Headers")
    kind: Literal["text", "jwks"] = Field(
        "text", title="Key", json_schema_extra={"labels": {"jwks": "JWKS at a URL"}}
    )


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, ""),
        ({"name": "ada", "shared": True}, "Name: ada"),
        ({"shared": False, "loud": True}, "Share: off; Loud"),
        ({"kind": "jwks"}, "Key: JWKS at a URL"),
        ({"ips": ["a", "b", "c", "d", "e"]}, "Addresses: a, b, c and 2 more"),
        ({"limits": [{"maximumRequests": 5, "timePeriodInMilliseconds": 60000}]}, "Limits: 5 per minute"),
        ({"limits": [{"maximumRequests": 5, "timePeriodInMilliseconds": 7200000}]}, "Limits: 5 per 2 hours"),
        ({"limits": [{"maximumRequests": 5, "timePeriodInMilliseconds": 1500}]}, "Limits: 5 per 1500 ms"),
        ({"pairs": [{"key": "x-team", "value": "orders"}]}, "Headers: x-team orders"),
    ],
)
def test_only_what_was_set_is_told(config: dict[str, Any], words: str) -> None:
    assert summary(Config.model_json_schema(), config) == words


def test_a_long_one_is_cut() -> None:
    assert len(summary(Config.model_json_schema(), {"name": "x" * 500})) == MAX_LENGTH
