"""OAuth 2.0 Token Introspection: lets pass whose access token an authorization server calls active."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from policies.answers.question import question
from policies.compiled import Compiled, Scope
from policies.fields.urls import Url
from policies.introspection.fields import TokenConfig, asks_contracts, count, idle, plain
from policies.introspection.scripts import compiled
from policies.policy import Category, Phase, Policy
from policies.traits import Advice

NAME = "oauth2-token-introspection"
MOST_REMEMBERED = 10_000
_AUTHORIZATION = re.compile(r"(?i:basic|bearer) +[!-~]{1,8000}")
PRINCIPAL = ("username", "sub", "client_id")


def _checked(value: SecretStr) -> SecretStr:
    if not _AUTHORIZATION.fullmatch(value.get_secret_value()):
        raise PydanticCustomError(
            "authorization",
            "write what the gateway sends as Authorization: Basic and base64, or Bearer and a token",
        )
    return value


class Config(TokenConfig):
    introspection_url: Annotated[Url, Field(max_length=2000)] = Field(
        alias="introspectionURL",
        title="Introspection URL",
        description="The authorization server's endpoint, as in RFC 7662.",
        json_schema_extra={"examples": ["https://idp.example.com/oauth2/introspect"]},
    )
    authorization_value: Annotated[SecretStr, AfterValidator(_checked)] = Field(
        title="Authorization",
        description="What the gateway sends there as its Authorization header: Basic …, or Bearer …. It is"
        " stored encrypted.",
    )
    validated_token_ttl: int = Field(
        600,
        alias="validatedTokenTTL",
        ge=0,
        le=86_400,
        title="A token is remembered for",
        description="At most, never beyond its exp: for so long it may be used after it was revoked. 0: the"
        " server is asked at each request.",
        json_schema_extra={"format": "duration-s"},
    )
    consumer_by: Literal["client_id", "username"] = Field(
        "client_id",
        title="The client is",
        description="Which field of the answer is authentication.clientId for later policies.",
        json_schema_extra={"labels": {"client_id": "client_id", "username": "username"}, "advanced": True},
    )
    max_cache_entries: int = count(MOST_REMEMBERED)


def compile(config: Config, scope: Scope) -> Compiled:
    asked = question(
        scope,
        NAME,
        {"url": config.introspection_url, "authorization": config.authorization_value.get_secret_value()},
        timeout_ms=config.authentication_timeout,
        remembered_seconds=config.validated_token_ttl,
        most_remembered=config.max_cache_entries,
    )
    return compiled(config, scope, NAME, asked, consumer=(config.consumer_by,), principal=PRINCIPAL)


def advice(config: Config) -> Iterator[Advice]:
    yield from idle(config)
    usual = Config.model_fields
    if not config.validated_token_ttl and config.max_cache_entries != usual["max_cache_entries"].default:
        yield Advice("maxCacheEntries", "does nothing while no token is remembered")
    if not config.max_cache_entries and config.validated_token_ttl != usual["validated_token_ttl"].default:
        yield Advice("validatedTokenTTL", "does nothing while no token is remembered")
    yield from (Advice("introspectionURL", why) for why in plain(config.introspection_url))


POLICY = Policy(
    name=NAME,
    title="OAuth 2.0 Token Introspection",
    category=Category.SECURITY,
    phase=Phase.IDENTIFY,
    summary="Lets requests pass whose access token an authorization server calls active.",
    version="1.0.1",
    config=Config,
    compile=compile,
    gives=frozenset(("authentication",)),
    sends={"authorizationValue": ("introspectionURL",)},
    asks_contracts=asks_contracts,
    advice=advice,
    aliases=("oauth2-token-introspection-flex",),
    refuses=True,
    icon="shield-check",
)
