"""Header Injection: adds headers to requests and responses."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from policies.compiled import TYPE_URL, Compiled, Filter, Scope
from policies.expression import lua
from policies.fields.expressions import Expression, RequestExpression, ResponseExpression
from policies.fields.headers import SINGLE, OwnHeaderName, RequestHeaderName, checked_value
from policies.policy import Category, Phase, Policy, PolicyConfig, at_most, fault
from policies.scripting.script import script
from policies.traits import Advice

NAME = "header-injection"
MOST_HEADERS = 50


def _checked(value: Expression) -> Expression:
    checked_value(value.constant or "")
    return value


class RequestHeader(PolicyConfig):
    key: RequestHeaderName = Field(title="Name", description="The header's name.")
    value: Annotated[RequestExpression, AfterValidator(_checked)] = Field(
        title="Value", description="Text, or an expression over the request such as #[attributes.method]."
    )


class ResponseHeader(PolicyConfig):
    key: OwnHeaderName = Field(title="Name", description="The header's name.")
    value: Annotated[ResponseExpression, AfterValidator(_checked)] = Field(
        title="Value",
        description="Text, or an expression over the response such as #[attributes.statusCode].",
    )


class Config(PolicyConfig):
    inbound_headers: Annotated[tuple[RequestHeader, ...], at_most(MOST_HEADERS, "headers")] = Field(
        (),
        title="Request headers",
        description="Added on the way to the upstream. A name that is there gets a second value; "
        "one that can stand only once, such as authorization or content-type, is overwritten.",
    )
    outbound_headers: Annotated[tuple[ResponseHeader, ...], at_most(MOST_HEADERS, "headers")] = Field(
        (),
        title="Response headers",
        description="Added on the way to the caller. A name that is there gets a second value; "
        "one that can stand only once, such as content-type, location or server, is overwritten.",
    )

    @model_validator(mode="after")
    def _has_a_header(self) -> Self:
        if not self.inbound_headers and not self.outbound_headers:
            raise fault("inboundHeaders", "add at least one request header or response header")
        return self


Headers = tuple[RequestHeader, ...] | tuple[ResponseHeader, ...]


def compile(config: Config, scope: Scope) -> Compiled:
    both: tuple[RequestHeader | ResponseHeader, ...] = (*config.inbound_headers, *config.outbound_headers)
    if all(header.value.constant is not None for header in both):
        return Compiled((_native(config, scope),))
    settings: dict[str, lua.Value] = {
        "request": [_lua(header) for header in config.inbound_headers],
        "response": [_lua(header) for header in config.outbound_headers],
    }
    files = [Path(__file__).with_name("policy.lua")]
    sees_response = bool(config.outbound_headers)
    return Compiled((script(scope, NAME, files, settings, evaluates=True, sees_response=sees_response),))


def _lua(header: RequestHeader | ResponseHeader) -> dict[str, lua.Value]:
    name = header.key.lower()
    return {"name": name, "overwrite": name in SINGLE, "value": header.value.lua}


def _native(config: Config, scope: Scope) -> Filter:
    mutations = {
        "request_mutations": [_append(header) for header in config.inbound_headers],
        "response_mutations": [_append(header) for header in config.outbound_headers],
    }
    return Filter(
        scope.binding,
        {
            "@type": TYPE_URL + "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
            "mutations": mutations,
        },
    )


def _append(header: RequestHeader | ResponseHeader) -> dict[str, Any]:
    name = header.key.lower()
    # Envoy reads % as the start of a command.
    value = (header.value.constant or "").replace("%", "%%")
    action = "OVERWRITE_IF_EXISTS_OR_ADD" if name in SINGLE else "APPEND_IF_EXISTS_OR_ADD"
    return {
        "append": {
            "header": {"key": name, "value": value},
            "append_action": action,
            "keep_empty_value": True,
        }
    }


def advice(config: Config) -> Iterator[Advice]:
    for field, headers in (
        ("inboundHeaders", config.inbound_headers),
        ("outboundHeaders", config.outbound_headers),
    ):
        counted = Counter(header.key.lower() for header in headers)
        for name in sorted(SINGLE & {name for name, count in counted.items() if count > 1}):
            yield Advice(field, f"{name} can stand only once: the last one of the list counts")


POLICY = Policy(
    name=NAME,
    title="Header Injection",
    category=Category.TRANSFORMATION,
    phase=Phase.TRANSFORM,
    summary="Adds headers to requests and responses.",
    version="1.3.2",
    config=Config,
    compile=compile,
    advice=advice,
    aliases=("header-injection-flex",),
    icon="list-plus",
    acts_on_responses=lambda config: bool(config.outbound_headers),
)
