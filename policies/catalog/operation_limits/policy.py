"""Operation Limits: GraphQL requests that ask for too much at once never reach the upstream."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field

from policies.compiled import Compiled, Scope
from policies.graphql.scripts import FILES
from policies.policy import Category, Phase, Policy, PolicyConfig
from policies.scripting.script import script
from policies.traits import Advice

NAME = "operation-limits"
DEEPEST = 100
"""Deeper documents are no GraphQL for document.lua."""

Limit = Annotated[int, Field(ge=-1, le=10_000)]
"""As many words has the longest document that is read."""


class Config(PolicyConfig):
    max_depth: Annotated[int, Field(ge=-1, le=DEEPEST)] = Field(
        -1, title="Depth", description=f"How deep fields may lie in each other. -1: {DEEPEST}."
    )
    max_aliases: Limit = Field(-1, title="Aliases", description="The most in one request. -1: no limit.")
    max_root_fields: Limit = Field(
        -1, title="Fields of the first level", description="The most in one request. -1: no limit."
    )
    max_directives: Limit = Field(
        -1, title="Directives", description="The most in one request. -1: no limit."
    )


def compile(config: Config, scope: Scope) -> Compiled:
    settings = {
        "depth": config.max_depth,
        "aliases": config.max_aliases,
        "fields": config.max_root_fields,
        "directives": config.max_directives,
    }
    return Compiled((script(scope, NAME, [*FILES, Path(__file__).with_name("policy.lua")], settings),))


def advice(config: Config) -> Iterable[Advice]:
    if config.max_depth == 0 or config.max_root_fields == 0:
        field = "maxDepth" if config.max_depth == 0 else "maxRootFields"
        yield Advice(field, "every request has a field, so none passes")


POLICY = Policy(
    name=NAME,
    title="GraphQL Operation Limits",
    category=Category.SECURITY,
    phase=Phase.PROTECT,
    summary="Refuses GraphQL requests that are too deep, or have too many aliases, fields or directives.",
    version="1.0.0",
    config=Config,
    compile=compile,
    aliases=("operation-limits-flex",),
    advice=advice,
    refuses=True,
    icon="gauge",
)
