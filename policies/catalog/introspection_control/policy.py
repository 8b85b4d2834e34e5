"""Introspection Control: GraphQL callers do not ask the server what it offers."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from policies.compiled import Compiled, Scope
from policies.graphql.scripts import FILES
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import script

NAME = "introspection-control"


class Config(PolicyConfig):
    block_schema: bool = Field(
        True, title="Refuse __schema", description="Which asks for all types, as tools for developers do."
    )
    block_type: bool = Field(True, title="Refuse __type", description="Which asks for one type by its name.")
    block_typename: bool = Field(
        False,
        title="Refuse __typename",
        description="Which asks of which type a value is. Many clients ask for it with each request.",
    )

    @model_validator(mode="after")
    def _refuses_something(self) -> Self:
        if not (self.block_schema or self.block_type or self.block_typename):
            raise fault("blockSchema", "refuse one of the three at least")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    blocked = {
        "__schema": config.block_schema,
        "__type": config.block_type,
        "__typename": config.block_typename,
    }
    files = [*FILES, Path(__file__).with_name("policy.lua")]
    return Compiled((script(scope, NAME, files, {"blocked": blocked}),))


POLICY = Policy(
    name=NAME,
    title="GraphQL Introspection Control",
    category=Category.SECURITY,
    phase=Phase.PROTECT,
    summary="Refuses GraphQL requests that ask the server which types and fields it offers.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("introspection-control-flex",),
    refuses=True,
    icon="search-x",
)
