"""JSON Threat Protection: JSON that is none, or too deep, long or wide, never reaches the upstream."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.compiled import Compiled, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import BODY, script
from policies.traits import Advice

NAME = "json-threat-protection"
DEEPEST = 10_000
"""Of more levels nothing is known by any reader: json.lua refuses them where no limit is set, too."""
FILES = [BODY, *(Path(__file__).with_name(name) for name in ("json.lua", "policy.lua"))]

Limit = Annotated[int, Field(ge=-1, le=2**31 - 1)]


class Config(PolicyConfig):
    max_container_depth: Annotated[int, Field(ge=-1, le=DEEPEST)] = Field(
        -1,
        title="Levels",
        description=f"How deep objects and arrays may lie in each other. -1: {DEEPEST}.",
    )
    max_string_value_length: Limit = Field(
        -1, title="Characters of a text", description="The longest text that is a value. -1: no limit."
    )
    max_object_entry_name_length: Limit = Field(
        -1, title="Characters of a name", description="The longest name of an object's entry. -1: no limit."
    )
    max_object_entry_count: Limit = Field(
        -1, title="Entries of an object", description="The most in one object. -1: no limit."
    )
    max_array_element_count: Limit = Field(
        -1, title="Elements of an array", description="The most in one array. -1: no limit."
    )

    @model_validator(mode="after")
    def _admits_something(self) -> Self:
        if self.max_container_depth == 0 and (
            self.max_object_entry_count >= 0 or self.max_array_element_count >= 0
        ):
            raise fault("maxContainerDepth", "with no level there is no object and no array to limit")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    settings = {
        "depth": config.max_container_depth,
        "text": config.max_string_value_length,
        "name": config.max_object_entry_name_length,
        "entries": config.max_object_entry_count,
        "elements": config.max_array_element_count,
    }
    return Compiled((script(scope, NAME, FILES, settings),))


def advice(config: Config) -> Iterator[Advice]:
    has_names = config.max_container_depth and config.max_object_entry_count
    if config.max_object_entry_name_length >= 0 and not has_names:
        yield Advice("maxObjectEntryNameLength", "does nothing where no object has an entry")


POLICY = Policy(
    name=NAME,
    title="JSON Threat Protection",
    category=Category.SECURITY,
    phase=Phase.PROTECT,
    summary="Refuses JSON that is none, or too deep, long or wide, before the upstream reads it.",
    version="1.2.1",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("json-threat-protection-flex",),
    refuses=True,
    icon="file-code",
)
