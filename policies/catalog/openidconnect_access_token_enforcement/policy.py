"""OpenID Connect Access Token Enforcement: a provider of OpenID Connect judges access tokens."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from policies.answers.question import question
from policies.documents import discovery
from policies.documents.document import Document
from policies.fields.urls import Url
from policies.introspection.fields import TokenConfig, asks_contracts, count, plain
from policies.introspection.scripts import compiled
from policies.policy import Category, Compiled, Phase, Policy, Scope
from policies.traits import Advice

NAME = "openidconnect-access-token-enforcement"
MOST_REMEMBERED = 10_000
DISCOVERY_SECONDS = 3600
LONGEST_SECONDS = 86_400
CONSUMER, PRINCIPAL = ("client_id", "azp"), ("client_id", "azp", "sub")


def _checked_provider(url: str) -> str:
    if "?" in url or url.rstrip("/").endswith(discovery.PATH):
        raise PydanticCustomError(
            "provider", "write the issuer's URL alone; its document is found from there"
        )
    return url


def _checked_secret(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():
        raise PydanticCustomError("empty", "write the secret that the provider gave the gateway")
    return secret


class Config(TokenConfig):
    provider_url: Annotated[Url, Field(max_length=2000), AfterValidator(_checked_provider)] = Field(
        title="Provider",
        description="The issuer's URL. Its discovery document, /.well-known/openid-configuration below it,"
        " tells where tokens are introspected.",
        json_schema_extra={"examples": ["https://idp.example.com/realms/main"]},
    )
    client_id: str = Field(
        min_length=1,
        max_length=1000,
        title="Client id",
        description="As which the gateway asks the provider.",
    )
    client_secret: Annotated[SecretStr, Field(max_length=4000), AfterValidator(_checked_secret)] = Field(
        title="Client secret", description="It is sent in the body, and stored encrypted."
    )
    skip_client_id_validation: bool = Field(
        True,
        title="Skip client id validation",
        description="Off: the token's client needs a contract with the API. On: any client may call.",
    )
    max_federation_expiration_time: int = Field(
        -1,
        ge=-1,
        le=LONGEST_SECONDS,
        title="A token is remembered for",
        description="Seconds at most; for so long it may be used after it was revoked. -1: until its exp, and"
        " for ten minutes where it has none.",
        json_schema_extra={"advanced": True},
    )
    max_cache_size: int = count(MOST_REMEMBERED)
    secure_trust_store: bool = Field(
        False,
        title="Secure trust store",
        description="The provider's certificate is always verified by the CAs that the gateway trusts; this"
        " changes nothing.",
        json_schema_extra={"advanced": True},
    )


def compile(config: Config, scope: Scope) -> Compiled:
    issuer = config.provider_url.rstrip("/")
    seconds = config.authentication_timeout / 1000
    document = Document(issuer + discovery.PATH, discovery.of(issuer), DISCOVERY_SECONDS, seconds)
    text = scope.documents.get(document)
    longest = config.max_federation_expiration_time
    asked = question(
        scope,
        NAME,
        {
            "url": discovery.endpoint(text) if text else "",
            "client_id": config.client_id,
            "client_secret": config.client_secret.get_secret_value(),
        },
        timeout_ms=config.authentication_timeout,
        remembered_seconds=LONGEST_SECONDS if longest < 0 else longest,
        most_remembered=config.max_cache_size,
    )
    return compiled(config, scope, NAME, asked, consumer=CONSUMER, principal=PRINCIPAL)


def advice(config: Config) -> Iterator[Advice]:
    yield from (Advice("providerUrl", why) for why in plain(config.provider_url))
    if config.secure_trust_store:
        yield Advice("secureTrustStore", "changes nothing: the provider's certificate is verified anyhow")


POLICY = Policy(
    name=NAME,
    title="OpenID Connect Access Token Enforcement",
    category=Category.SECURITY,
    phase=Phase.IDENTIFY,
    summary="Lets requests pass whose access token a provider of OpenID Connect calls active.",
    version="1.0.0",
    config=Config,
    compile=compile,
    gives=frozenset(("authentication",)),
    asks_contracts=asks_contracts,
    advice=advice,
    aliases=("openidconnect-access-token-enforcement-flex",),
    refuses=True,
    icon="fingerprint",
)
