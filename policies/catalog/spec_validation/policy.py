"""Schema Validation: requests that the API's OpenAPI document does not describe never reach the upstream."""

from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationInfo, model_validator

from policies import apart
from policies.apart import is_unread
from policies.catalog.spec_validation.document import MOST_BYTES, Wrong
from policies.catalog.spec_validation.operations import MOST_REMARKS, described
from policies.compiled import Compiled, Scope
from policies.expression.lua import Value
from policies.fields.shapes import shaped
from policies.patterns.pattern import LUA
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import BODY, JSON, script
from policies.traits import Advice

NAME = "spec-validation"
_PATH = shaped(
    r"^/[A-Za-z0-9/._~-]*\Z", "is no path that is taken; write / and letters, digits, . _ ~ or -, such as /v1"
)
FILES = [
    BODY,
    JSON,
    LUA,
    *(Path(__file__).with_name(name) for name in ("schema.lua", "request.lua", "policy.lua")),
]
WITHOUT_CONSOLE = (
    "source: context stands for the document of the API's asset, which only a console has; "
    "write source: inline, and the document in spec"
)


class Source(StrEnum):
    CONTEXT = "context"
    INLINE = "inline"


class Config(PolicyConfig):
    source: Source = Field(
        Source.INLINE,
        title="Document",
        description="Where the OpenAPI document comes from, 3.0 or 3.1.",
        json_schema_extra={"labels": {"context": "The API's own", "inline": "Written here"}},
    )
    spec: Annotated[str, Field(max_length=MOST_BYTES)] = Field(
        "",
        title="OpenAPI document",
        description="As JSON or YAML, in one file of 512 KB at most.",
        json_schema_extra={
            "format": "multiline",
            "code": True,
            "needed": True,
            "when": {"source": ["inline"]},
        },
    )
    api_base_path: Annotated[str, Field(max_length=255), _PATH] = Field(
        "/",
        title="Path before the document's paths",
        description="What stands behind this API's base path and before the document's paths: /v1.",
    )
    block_operation: bool = Field(
        True,
        title="Refuse requests",
        description="Whether requests are refused that do not fit; if not, the log tells.",
    )
    strict_params_validation: bool = Field(
        False,
        title="Refuse unknown parameters",
        description="Whether names in the query that the document does not describe are refused.",
    )

    @model_validator(mode="after")
    def _is_readable(self, info: ValidationInfo) -> Self:
        if self.source is Source.INLINE and not self.spec.strip():
            raise fault("spec", "write the OpenAPI document, or choose the API's own")
        if self.spec.strip() and not is_unread(info):
            try:
                described(self.spec)
            except Wrong as error:
                raise fault("spec", str(error)) from None
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    if not config.spec.strip():
        raise ValueError(WITHOUT_CONSOLE)
    if not config.block_operation:
        scope = scope.observing
    # A file, since every route of the API would repeat it otherwise.
    table = scope.secret(described(config.spec).table)
    settings: dict[str, Value] = {
        "file": str(table.path),
        "bases": [_base(scope.base_path, config.api_base_path.rstrip("/"))],
        "strict": config.strict_params_validation,
    }
    return Compiled((script(scope, NAME, FILES, settings),), secrets=(table,))


def _base(api: str, own: str) -> str:
    """Those who write the API's base path once more mean the same."""
    return own if own == api or (own.startswith(f"{api}/") and api) else api + own


def advice(config: Config) -> Iterable[Advice]:
    if not config.block_operation:
        yield Advice("blockOperation", "requests pass that do not fit; the log tells of them")
    if not config.spec.strip():
        return
    remarks = described(config.spec).remarks
    for remark in remarks[:MOST_REMARKS]:
        yield Advice("spec", remark)
    if len(remarks) > MOST_REMARKS:
        yield Advice("spec", f"{len(remarks) - MOST_REMARKS} more are not checked")


POLICY = Policy(
    name=NAME,
    title="Schema Validation",
    category=Category.SECURITY,
    phase=Phase.PROTECT,
    summary="Refuses requests whose path, parameters or JSON body an OpenAPI document does not describe.",
    version="1.0.1",
    config=Config,
    compile=compile,
    aliases=("spec-validation-flex",),
    advice=advice,
    own_document="spec",
    reads_apart={"spec": apart.document},
    refuses=True,
    icon="file-code",
)
