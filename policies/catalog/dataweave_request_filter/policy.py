"""DataWeave Request Filter: a script of the user's decides who passes, and how others are answered."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from policies.catalog.dataweave_request_filter import script_text
from policies.compiled import Compiled, Scope
from policies.expression.lua import Value
from policies.expression.parser import MAX_CHARACTERS, ExpressionError
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import BODY, JSON, script
from policies.traits import Advice

NAME = "dataweave-request-filter"
_JUDGE = [Path(__file__).with_name(name) for name in ("answer.lua", "policy.lua")]
_PAYLOAD = Path(__file__).with_name("payload.lua")


class Config(PolicyConfig):
    script: Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)] = Field(
        title="Script",
        description="Its value is {success: true}, or {success: false, response: {statusCode: 400, body: …, "
        "headers: {…}}}. The language is that of expressions, with objects.",
        json_schema_extra={"format": "multiline", "code": True},
    )
    requires_payload: bool = Field(
        False,
        title="Read the body",
        description="Whether the script may read payload: JSON as a value, other bodies as a text.",
    )

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        try:
            node = script_text.read(self.script).node
            script_text.check(node)
        except ExpressionError as error:
            raise fault("script", str(error)) from None
        except script_text.UnfitScript as error:
            raise fault("script", str(error)) from None
        if script_text.reads_payload(node) and not self.requires_payload:
            raise fault("requiresPayload", "the script reads payload; turn this on")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    files = [*([BODY, JSON, _PAYLOAD] if config.requires_payload else []), *_JUDGE]
    settings: dict[str, Value] = {
        "script": script_text.read(config.script).lua,
        "payload": config.requires_payload,
    }
    return Compiled((script(scope, NAME, files, settings, evaluates=True),))


def advice(config: Config) -> Iterator[Advice]:
    node = script_text.read(config.script).node
    passes = script_text.passes(node)
    if passes is not None:
        yield Advice("script", "lets every request pass" if passes else "refuses every request")
    if config.requires_payload and not script_text.reads_payload(node):
        yield Advice("requiresPayload", "each body is waited for, and the script does not read it")


POLICY = Policy(
    name=NAME,
    title="DataWeave Request Filter",
    category=Category.SECURITY,
    phase=Phase.AUTHORIZE,
    summary="Lets a script of yours decide which requests pass, and how others are answered.",
    version="1.0.0",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("dataweave-request-filter-flex",),
    refuses=True,
    icon="filter",
)
