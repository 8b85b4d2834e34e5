"""What an automated policy's form holds beside configuration and conditions: its rule of application."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Literal
from uuid import UUID

from django.http import QueryDict
from pydantic import BaseModel, Field

from apis.changes.automated_check import Applies
from console.forms import schema_data, schema_form
from console.forms.schema_form import Choice, Errors, When
from console.models import Environment

PREFIX = "rule"
ALL, SOME = "all", "some"
NAMES = ("tags", "gateways", "names", "names_are", "conflicts")
"""Of the rule's parts, as changes call them."""
NOTHING = "Say which APIs: by a tag, a gateway or a name."
_IF_SOME: dict[str, Any] = {"when": {"covers": [SOME]}}


class RuleForm(BaseModel):
    covers: Literal["all", "some"] = Field(
        "all",
        title="Rule of application",
        json_schema_extra={
            "labels": {ALL: "Every API", SOME: "Some APIs"},
            "abouts": {
                ALL: "Of this environment, and each that will be added",
                SOME: "Those for which all that is given below holds",
            },
        },
    )
    tags: list[str] = Field(
        [],
        title="Tags",
        description="The API has at least one of them, in upper or lower case.",
        json_schema_extra=_IF_SOME,
    )
    names: str = Field(
        "",
        title="Names",
        description="The API's name, or its instance label, is like this. In a wildcard * stands for any "
        "text and ? for one character; a regular expression (RE2) must match the whole name.",
        examples=["orders-*"],
        json_schema_extra={"code": True} | _IF_SOME,
    )
    names_are: Literal["wildcard", "regex"] = Field(
        "wildcard",
        title="Names are like a",
        json_schema_extra={"labels": {"wildcard": "Wildcard", "regex": "Regular expression"}} | _IF_SOME,
    )
    conflicts: Literal["wins", "yields", "both"] = Field(
        "wins",
        title="Where an API has this policy of its own",
        json_schema_extra={
            "labels": {"wins": "This one runs", "yields": "The API's own runs", "both": "Both run"},
            "abouts": {
                "wins": "The API's own rests, and runs again when this one is gone",
                "yields": "Whoever may edit the API may so take it out of this one's reach",
                "both": "This one first, then the API's own",
            },
        },
    )


SCHEMA = RuleForm.model_json_schema()
Values = dict[str, Any]


def read(data: QueryDict) -> Values:
    return schema_data.read(SCHEMA, data, prefix=PREFIX) | {"gateways": data.getlist(f"{PREFIX}.gateways")}


def values_of(applies: Applies) -> Values:
    is_all = not (applies.tags or applies.gateways or applies.names)
    return {
        "covers": ALL if is_all else SOME,
        "tags": list(applies.tags),
        "gateways": [str(pk) for pk in applies.gateways],
        "names": applies.names,
        "names_are": applies.names_are,
        "conflicts": applies.conflicts,
    }


def applies(values: Values) -> Applies:
    """What covers every API needs nothing else; raises nothing: what is wrong is found where it is saved."""
    usual = Applies()
    kind, conflicts = values.get("names_are"), values.get("conflicts")
    if values.get("covers") != SOME:
        return Applies(conflicts=str(conflicts or usual.conflicts))
    return Applies(
        tuple(values.get("tags") or ()),
        tuple(one for text in values.get("gateways") or () if (one := _id(text))),
        str(values.get("names") or ""),
        str(kind or usual.names_are),
        str(conflicts or usual.conflicts),
    )


def unread(values: Values) -> Mapping[str, list[str]]:
    """What is missing: a rule for some APIs that says not which."""
    given = values.get("tags") or values.get("gateways") or str(values.get("names") or "").strip()
    return {"rule.covers": [NOTHING]} if values.get("covers") == SOME and not given else {}


def named(errors: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """By the form's fields."""
    return {f"{PREFIX}.{name}" if name in NAMES else name: texts for name, texts in errors.items()}


def fields(
    values: Values, errors: Errors, environment: Environment, *, is_once: bool
) -> list[schema_form.Field]:
    """`is_once` is whether an API can have the policy once only: then the two cannot both run."""
    found = list(schema_form.fields(SCHEMA, values, errors, prefix=PREFIX))
    if is_once:
        last = found.pop()
        kept = tuple(one for one in last.choices if one.value != "both" or one.is_chosen)
        found.append(replace(last, choices=kept))
    found.insert(2, _gateways(values.get("gateways") or (), errors, environment))
    return found


def _gateways(chosen: Collection[str], errors: Errors, environment: Environment) -> schema_form.Field:
    known = {str(pk): name for pk, name in environment.gateways.values_list("pk", "name")}
    gone = {pk: "one that was deleted" for pk in chosen if pk not in known and _id(pk)}
    name = f"{PREFIX}.gateways"
    return schema_form.Field(
        "choices",
        name,
        "Gateways",
        help="The API is on one of these." if known or gone else "The environment has no gateway yet.",
        when=When(f"{PREFIX}.covers", SOME),
        value=list(chosen),
        choices=tuple(Choice(pk, words, pk in chosen) for pk, words in (known | gone).items()),
        errors=tuple(errors.get(name, ())),
    )


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
