"""GraphQL Schema Validation: requests that the schema does not describe never reach the upstream."""

import json
from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from policies.compiled import Compiled, Scope
from policies.graphql import sdl
from policies.graphql.fields import READS_APART, InlineSource, SchemaText, Source
from policies.graphql.scripts import FILES, SCHEMA
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.scripting.script import script
from policies.traits import Advice

NAME = "schema-validation"


class Config(PolicyConfig):
    source: InlineSource = Source.INLINE
    schema_: SchemaText = Field(
        alias="schema",
        title="Schema",
        description="In the schema language of GraphQL: type Query { orders: [Order] }",
        json_schema_extra={"format": "multiline", "code": True},
    )
    block_operation: bool = Field(
        True,
        title="Refuse requests",
        description="Whether requests are refused that do not fit; if not, the log tells.",
    )


def compile(config: Config, scope: Scope) -> Compiled:
    if not config.block_operation:
        scope = scope.observing
    # A file, since every route of the API would repeat it otherwise.
    table = scope.secret(json.dumps(sdl.read(config.schema_).table))
    files = [*FILES, SCHEMA, *(Path(__file__).with_name(name) for name in ("validate.lua", "policy.lua"))]
    made = script(scope, NAME, files, {"file": str(table.path)})
    return Compiled((made,), secrets=(table,))


def advice(config: Config) -> Iterable[Advice]:
    if not config.block_operation:
        yield Advice("blockOperation", "requests pass that do not fit; the log tells of them")


POLICY = Policy(
    name=NAME,
    title="GraphQL Schema Validation",
    category=Category.SECURITY,
    phase=Phase.PROTECT,
    summary="Refuses GraphQL requests whose fields, arguments or variables the schema does not describe.",
    version="1.0.0",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("schema-validation-flex",),
    reads_apart=READS_APART,
    refuses=True,
    icon="file-code",
)
