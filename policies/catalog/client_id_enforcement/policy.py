"""Client ID Enforcement: lets requests pass whose client has a contract with the API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from policies.compiled import Compiled, Scope
from policies.contracts import credentials
from policies.fields.expressions import RequestExpression
from policies.policy import Category, Phase, Policy, PolicyConfig, fault
from policies.scripting.script import script
from policies.traits import Advice, AsksContracts, Explained

NAME = "client-id-enforcement"
BASIC, EXPRESSION = "httpBasicAuthenticationHeader", "customExpression"
CHALLENGES = {BASIC: 'Basic realm="mule-realm"', EXPRESSION: "Client-ID-Enforcement"}
"""As Flex Gateway's."""
_BY_EXPRESSION: dict[str, Any] = {"when": {"credentialsOriginHasHttpBasicAuthenticationHeader": [EXPRESSION]}}


class Config(PolicyConfig):
    credentials_origin_has_http_basic_authentication_header: Literal[
        "customExpression", "httpBasicAuthenticationHeader"
    ] = Field(
        "customExpression",
        title="Where the credentials are",
        description="Where expressions say, or Authorization: Basic with the client id and its secret.",
        json_schema_extra={"labels": {EXPRESSION: "Expressions", BASIC: "Authorization header (Basic)"}},
    )
    client_id_expression: Annotated[RequestExpression, Field(validate_default=True)] = Field(
        "#[attributes.headers['client_id']]",  # type: ignore[assignment]  # read as what users write
        title="Client id",
        description="Where the client id is.",
        json_schema_extra={"needed": True, **_BY_EXPRESSION},
    )
    client_secret_expression: Annotated[RequestExpression, Field(validate_default=True)] = Field(
        "#[attributes.headers['client_secret']]",  # type: ignore[assignment]
        title="Client secret",
        description="Where the secret is. Empty: no secret is asked for, and the client id alone is enough.",
        json_schema_extra=_BY_EXPRESSION,
    )

    @property
    def is_basic(self) -> bool:
        return self.credentials_origin_has_http_basic_authentication_header == BASIC

    @property
    def checks_secret(self) -> bool:
        return self.is_basic or credentials.is_said(self.client_secret_expression)

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if not self.is_basic and not credentials.is_said(self.client_id_expression):
            raise fault("clientIdExpression", "write where the client id is")
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    client_id = None if config.is_basic else config.client_id_expression
    client_secret = None if config.is_basic else config.client_secret_expression
    asked = credentials.settings(scope, client_id, client_secret)
    challenge = CHALLENGES[config.credentials_origin_has_http_basic_authentication_header]
    files = [*credentials.FILES, Path(__file__).with_name("policy.lua")]
    check = script(scope, NAME, files, {**asked, "challenge": challenge}, evaluates=True)
    tell = script(scope, NAME, credentials.TELLING, asked, evaluates=True, gives="authentication")
    return Compiled((check, tell))


def advice(config: Config) -> Iterator[Advice]:
    if not config.is_basic:
        yield from credentials.advice(config.client_id_expression, config.client_secret_expression)


def asks(config: Config) -> AsksContracts:
    return AsksContracts(secret=config.checks_secret)


POLICY = Policy(
    name=NAME,
    title="Client ID Enforcement",
    category=Category.COMPLIANCE,
    phase=Phase.IDENTIFY,
    summary="Lets requests pass whose client id, and secret, have a contract with the API.",
    version="1.3.3",
    config=Config,
    compile=compile,
    gives=frozenset(("authentication",)),
    asks_contracts=asks,
    offered_for="contracts",
    explained={
        **credentials.EXPLAINED,
        401: Explained(
            "The credentials were not accepted",
            "Send the client id and its newest secret; after a reset the old one ends at the time you chose.",
        ),
    },
    advice=advice,
    aliases=("client-id-enforcement-flex",),
    refuses=True,
    icon="user-round",
)
