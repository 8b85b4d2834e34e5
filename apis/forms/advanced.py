"""What a policy's form holds beside its configuration: which requests it is for, its label and its place."""

from typing import Any, Literal

from django.http import QueryDict
from pydantic import BaseModel, Field

from console.forms import schema_data, schema_form
from console.lines import LABEL_IS_NONE, is_line
from policies.policy import Policy

Values = dict[str, Any]
ALL, SOME = "all", "some"
LAST_PLACE = 32_767
LONGEST_LABEL = 255


class ConditionRow(BaseModel):
    method: str = Field(
        "", alias="methodRegex", title="Methods", examples=["GET|POST"], json_schema_extra={"code": True}
    )
    path: str = Field(
        "",
        alias="uriTemplateRegex",
        title="Path, after the base path",
        examples=["/orders/.*"],
        json_schema_extra={"code": True},
    )


class AdvancedForm(BaseModel):
    applies: Literal["all", "some"] = Field(
        "all",
        title="Method & resource conditions",
        json_schema_extra={
            "labels": {"all": "Every request", "some": "Some requests"},
            "abouts": {"all": "All methods and resources", "some": "Those that one of the rows matches"},
        },
    )
    conditions: list[ConditionRow] = Field(
        [],
        title="Conditions",
        min_length=1,
        json_schema_extra={"needed": True, "when": {"applies": ["some"]}},
    )
    mode: Literal["enforce", "observe"] = Field(
        "enforce",
        title="Mode",
        json_schema_extra={
            "labels": {"enforce": "Enforce", "observe": "Observe only"},
            "abouts": {
                "enforce": "Refuses what it finds wrong",
                "observe": "Refuses nothing, and counts what it would have refused",
            },
        },
    )
    label: str = Field(
        "", title="Label", description="Tells two uses of one policy apart.", max_length=LONGEST_LABEL
    )
    order: int | None = Field(
        None,
        title="Place",
        description="1 runs first. Empty puts it where policies of its kind stand: who the caller is before"
        " what the caller may do, then limits, then changes.",
        ge=1,
        le=LAST_PLACE,
    )


SCHEMA = AdvancedForm.model_json_schema()


def read(data: QueryDict) -> Values:
    return schema_data.read(SCHEMA, data, prefix="")


def fields(values: Values, errors: dict[str, list[str]]) -> dict[str, schema_form.Field]:
    return {one.name: one for one in schema_form.fields(SCHEMA, values, errors, prefix="")}


def values_of(conditions: list[dict[str, str]], label: str, mode: str) -> Values:
    applies = SOME if conditions else ALL
    return {"applies": applies, "conditions": conditions, "label": label, "mode": mode}


def conditions(policy: Policy[Any], values: Values) -> list[dict[str, str]]:
    """The conditions that count: none when the policy is for every request."""
    return values.get("conditions", []) if values.get("applies") == SOME and policy.has_conditions else []


def unread(values: Values) -> dict[str, list[str]]:
    """What in the values is of the wrong kind."""
    order, label = values.get("order"), values.get("label", "")
    found: dict[str, list[str]] = {}
    if not (order is None or (isinstance(order, int) and 1 <= order <= LAST_PLACE)):
        told = f"write a whole number from 1 to {LAST_PLACE}, or leave it empty"
        found["order"] = [f'"{str(order)[:20]}" is not a place; {told}.']
    if len(label) > LONGEST_LABEL:
        found["label"] = [f"The label is longer than {LONGEST_LABEL} characters."]
    elif not is_line(label):
        found["label"] = [LABEL_IS_NONE]
    return found
