"""The schema as users write it into a policy that reads one."""

from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from policies import apart
from policies.apart import is_unread
from policies.graphql import sdl


class Source(StrEnum):
    CONTEXT = "context"
    INLINE = "inline"


def _inline(source: Source) -> Source:
    if source is Source.CONTEXT:
        raise PydanticCustomError(
            "source", "an API's asset holds OpenAPI alone; write inline, and the schema below"
        )
    return source


def _read(text: str, info: ValidationInfo) -> str:
    if is_unread(info):
        return text
    try:
        sdl.read(text)
    except sdl.Wrong as error:
        raise PydanticCustomError("schema", "{reason}", {"reason": str(error)}) from None
    return text


InlineSource = Annotated[
    Source,
    AfterValidator(_inline),
    Field(
        title="Schema's source",
        description="Where the schema comes from.",
        json_schema_extra={
            "labels": {"context": "The API's own", "inline": "Written here"},
            "advanced": True,
        },
    ),
]
READS_APART = {"schema": apart.longer_than(4096)}
"""The worst found of that length took 3 ms of computing."""
SchemaText = Annotated[str, Field(max_length=sdl.MOST_BYTES), AfterValidator(_read)]
