"""Static Query Complexity: GraphQL requests that would cost too much never reach the upstream."""

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationInfo, model_validator

from policies.apart import is_unread
from policies.compiled import Compiled, Scope
from policies.expression.lua import Value
from policies.fields.shapes import shaped
from policies.graphql import sdl
from policies.graphql.fields import READS_APART, InlineSource, SchemaText, Source
from policies.graphql.scripts import FILES, SCHEMA
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import script
from policies.traits import Advice

NAME = "static-query-complexity"
MOST = 1e12
_NO_NAME = "is no name of GraphQL; write letters, digits and _, such as first"
Name = Annotated[str, Field(max_length=60), shaped(r"^[_A-Za-z][_0-9A-Za-z]*\Z", _NO_NAME)]


class Config(PolicyConfig):
    maximum_complexity: Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)] = Field(
        title="Most complexity", description="The highest that passes."
    )
    source: InlineSource = Source.INLINE
    schema_: SchemaText = Field(
        alias="schema",
        title="Schema",
        description="In the schema language of GraphQL. "
        '@cost(weight: 5, multipliers: ["first"]) behind a field tells its cost.',
        json_schema_extra={"format": "multiline", "code": True},
    )
    default_field_cost: Annotated[float, Field(ge=0, le=MOST, allow_inf_nan=False)] = Field(
        1.0, title="Cost of a field", description="Of one for which the schema tells none."
    )
    block_operation: bool = Field(
        True,
        title="Refuse requests",
        description="Whether requests above it are refused; if not, the log tells.",
    )
    reject_unbounded_lists: bool = Field(
        True,
        title="Refuse lists without an end",
        description="Whether a list of objects is refused of which no multiplier tells how long it is.",
    )
    directive_name: Name = Field(
        "cost",
        title="Directive",
        description="By which the schema tells a field's cost.",
        json_schema_extra={"advanced": True},
    )
    value_argument: Name = Field(
        "weight",
        title="Its argument for the cost",
        description="A number.",
        json_schema_extra={"advanced": True},
    )
    multipliers_argument: Name = Field(
        "multipliers",
        title="Its argument for multipliers",
        description="Names of the field's arguments that tell how many values it stands for.",
        json_schema_extra={"advanced": True},
    )

    @model_validator(mode="after")
    def _tells_costs(self, info: ValidationInfo) -> Self:
        if is_unread(info):
            return self
        for place, reason in _faults(self):
            raise fault("schema", f"{place}: {reason}")
        return self


def _told(config: Config) -> Iterator[tuple[str, str, sdl.Field, dict[str, Any]]]:
    """Each field for which the schema tells a cost: its type's name, its own, itself, what is told."""
    for name, one in sdl.read(config.schema_).types.items():
        for key, field in one.fields.items():
            if config.directive_name in field.directives:
                yield name, key, field, field.directives[config.directive_name]


def _faults(config: Config) -> Iterator[tuple[str, str]]:
    for name, key, field, told in _told(config):
        place = f"{name}.{key}"
        weight = _number(told.get(config.value_argument, 0.0))
        if weight is None or not 0 <= weight <= MOST:
            yield place, f"{config.value_argument} is a number from 0 on"
        multipliers = _multipliers(config, told)
        for one in multipliers if isinstance(multipliers, list) else [None]:
            if not isinstance(one, str) or one.partition(".")[0] not in field.arguments:
                yield place, f"{config.multipliers_argument} names arguments of the field, which {one} is not"


def _number(value: Any) -> float | None:
    """Costs may be written as texts, too."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _multipliers(config: Config, told: dict[str, Any]) -> Any:
    found = told.get(config.multipliers_argument, [])
    return [found] if isinstance(found, str) else found


def compile(config: Config, scope: Scope) -> Compiled:
    if not config.block_operation:
        scope = scope.observing
    costs: dict[str, dict[str, Any]] = {}
    for name, key, field, told in _told(config):
        weight = _number(told[config.value_argument]) if config.value_argument in told else None
        defaults = {
            it: value for it, one in field.arguments.items() if (value := _number(one.default)) is not None
        }
        said = {"multipliers": _multipliers(config, told), "defaults": defaults}
        costs.setdefault(name, {})[key] = said if weight is None else {**said, "weight": weight}
    # A file, since every route of the API would repeat it otherwise.
    table = scope.secret(json.dumps({**sdl.read(config.schema_).table, "costs": costs}))
    settings: dict[str, Value] = {
        "file": str(table.path),
        "most": config.maximum_complexity,
        "default": config.default_field_cost,
        "unbounded": config.reject_unbounded_lists,
    }
    files = [*FILES, SCHEMA, Path(__file__).with_name("policy.lua")]
    return Compiled((script(scope, NAME, files, settings),), secrets=(table,))


def advice(config: Config) -> Iterable[Advice]:
    if not config.block_operation:
        yield Advice("blockOperation", "requests pass that cost more; the log tells of them")
    schema = sdl.read(config.schema_)
    if not any(_told(config)):
        if config.directive_name != Config.model_fields["directive_name"].default:
            yield Advice("directiveName", f"no field of the schema has @{config.directive_name}")
        if not config.default_field_cost:
            yield Advice("defaultFieldCost", "every request costs nothing, so none is refused for its cost")
    if config.reject_unbounded_lists:
        bounded = {(name, key) for name, key, _, told in _told(config) if _multipliers(config, told)}
        endless = [
            f"{name}.{key}"
            for name, one in schema.types.items()
            for key, field in one.fields.items()
            if one.kind in ("type", "interface")
            and field.type.of
            and schema.types[field.type.named].kind in ("type", "interface", "union")
            and (name, key) not in bounded
        ]
        if endless:
            yield Advice(
                "schema",
                f"no multiplier tells how long {', '.join(endless[:5])} is: requests for it are refused",
            )


POLICY = Policy(
    name=NAME,
    title="GraphQL Static Query Complexity",
    category=Category.SECURITY,
    phase=Phase.PROTECT,
    summary="Refuses GraphQL requests whose cost, told from document and schema beforehand, is too high.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("static-query-complexity-flex",),
    advice=advice,
    reads_apart=READS_APART,
    refuses=True,
    icon="gauge",
)
