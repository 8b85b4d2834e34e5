"""XML Threat Protection: XML that is none, or too deep, long or wide, never reaches the upstream."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.compiled import Compiled, Scope
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import BODY, XML, script
from policies.traits import Advice

NAME = "xml-threat-protection"
DEEPEST = 10_000
"""Elements deeper in each other exhaust readers: limits.lua refuses them where no limit is set, too."""
FILES = [BODY, XML, *(Path(__file__).with_name(name) for name in ("limits.lua", "policy.lua"))]

Limit = Annotated[int, Field(ge=-1, le=2**31 - 1)]


class Config(PolicyConfig):
    max_node_depth: Annotated[int, Field(ge=-1, le=DEEPEST)] = Field(
        -1, title="Levels", description=f"How deep elements may lie in each other. -1: {DEEPEST}."
    )
    max_attribute_count_per_element: Limit = Field(
        -1, title="Attributes of an element", description="The most that one may have. -1: no limit."
    )
    max_child_count: Limit = Field(
        -1, title="Children of an element", description="The most elements right in one. -1: no limit."
    )
    max_text_length: Limit = Field(
        -1, title="Characters of a text", description="The longest between two tags. -1: no limit."
    )
    max_attribute_length: Limit = Field(
        -1, title="Characters of an attribute", description="The longest value. -1: no limit."
    )
    max_comment_length: Limit = Field(
        -1, title="Characters of a comment", description="The longest comment. -1: no limit."
    )

    @model_validator(mode="after")
    def _admits_something(self) -> Self:
        if self.max_node_depth == 0:
            raise fault("maxNodeDepth", "every XML document has one level at least")
        if self.max_node_depth == 1 and self.max_child_count >= 0:
            raise fault("maxChildCount", "with one level no element has a child to count")
        if self.max_attribute_count_per_element == 0 and self.max_attribute_length >= 0:
            raise fault("maxAttributeLength", "without attributes there is no value to limit")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    settings = {
        "depth": config.max_node_depth,
        "attributes": config.max_attribute_count_per_element,
        "children": config.max_child_count,
        "text": config.max_text_length,
        "attribute": config.max_attribute_length,
        "comment": config.max_comment_length,
    }
    return Compiled((script(scope, NAME, FILES, settings),))


def advice(config: Config) -> Iterator[Advice]:
    if config.max_child_count == 0 and config.max_node_depth > 1:
        yield Advice("maxNodeDepth", "does nothing where no element has a child")


POLICY = Policy(
    name=NAME,
    title="XML Threat Protection",
    category=Category.SECURITY,
    phase=Phase.PROTECT,
    summary="Refuses XML that is none, has a document type, or is too deep, long or wide.",
    version="1.2.1",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("xml-threat-protection-flex",),
    refuses=True,
    icon="file-code",
)
