"""OpenID Connect Access Token Enforcement: a provider of OpenID Connect judges access tokens."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, model_validator

from policies.answers.question import question
from policies.compiled import Compiled, Scope
from policies.documents import discovery
from policies.documents.document import Document
from policies.fields import trust
from policies.fields.issuers import OptionalIssuer
from policies.fields.urls import OptionalUrl
from policies.introspection.fields import TokenConfig, asks_contracts, count, idle, plain
from policies.introspection.scripts import compiled
from policies.policy import Category, Phase, Policy, fault
from policies.traits import Advice, ClientProvider, FromProvider

NAME = "openidconnect-access-token-enforcement"
MOST_REMEMBERED = 10_000
DISCOVERY_SECONDS = 3600
LONGEST_SECONDS = 86_400
FILLED = ("providerUrl", "introspectionUrl", "clientId", "clientSecret", "trustedCA")
"""What the environment's client provider says."""
CONSUMER, PRINCIPAL = ("client_id", "azp"), ("client_id", "azp", "sub")


class Config(TokenConfig):
    provider_url: OptionalIssuer = Field(
        "",
        title="Provider",
        description="The issuer's URL. Its discovery document, /.well-known/openid-configuration below it,"
        " tells where tokens are introspected. Empty: the environment's client provider judges.",
        json_schema_extra={"examples": ["https://idp.example.com/realms/main"]},
    )
    introspection_url: Annotated[OptionalUrl, Field(max_length=2000)] = Field(
        "",
        title="Introspection URL",
        description="Of a provider of your own that has no discovery document; in the place of its URL.",
        json_schema_extra={"advanced": True},
    )
    client_id: str = Field(
        "",
        max_length=1000,
        title="Client id",
        description="As which the gateway asks a provider of your own.",
    )
    client_secret: Annotated[SecretStr | None, Field(max_length=4000)] = Field(
        None,
        title="Client secret",
        description="It is sent in the body, and stored encrypted.",
    )
    trusted_ca: trust.TrustedCas = trust.of_provider()
    skip_client_id_validation: bool = Field(
        True,
        title="Skip client id validation",
        description="Off: the token's client needs a contract with the API. On: any client may call.",
        json_schema_extra={"asksContracts": False},
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

    @model_validator(mode="after")
    def _names_a_provider(self) -> Self:
        if not self.provider_url and not self.introspection_url:
            raise fault("providerUrl", "write the URL of the provider that judges tokens")
        if self.provider_url and self.introspection_url:
            raise fault("introspectionUrl", "the provider's document tells it; leave one of the two empty")
        if not self.client_id:
            raise fault("clientId", "write the id of the client that the gateway is there")
        if not self.client_secret or not self.client_secret.get_secret_value():
            raise fault("clientSecret", "write the secret that the provider gave the gateway")
        return self


def asks(config: Mapping[str, Any]) -> bool:
    """Whether it names no provider of its own."""
    return not any(config.get(name) for name in ("providerUrl", "introspectionUrl", "clientId"))


def fill(config: Mapping[str, Any], provider: ClientProvider) -> dict[str, Any]:
    """With the environment's provider; the shorter of two waits holds."""
    own = config.get("authenticationTimeout", Config.model_fields["authentication_timeout"].default)
    is_shorter = isinstance(own, int | float) and provider.timeout_ms < own
    rest = {name: value for name, value in config.items() if name not in FILLED}
    return (rest | {"authenticationTimeout": provider.timeout_ms} if is_shorter else rest) | {
        "providerUrl": provider.issuer,
        "introspectionUrl": "" if provider.issuer else provider.introspection_url,
        "clientId": provider.client_id,
        "clientSecret": provider.client_secret,
        "trustedCA": provider.trusted_ca,
    }


def compile(config: Config, scope: Scope) -> Compiled:
    url = config.introspection_url or _found(config, scope)
    longest = config.max_federation_expiration_time
    asked = question(
        scope,
        NAME,
        {
            "url": url,
            "client_id": config.client_id,
            "client_secret": config.client_secret.get_secret_value() if config.client_secret else "",
            **({"trusted_ca": config.trusted_ca} if config.trusted_ca else {}),
        },
        timeout_ms=config.authentication_timeout,
        remembered_seconds=LONGEST_SECONDS if longest < 0 else longest,
        most_remembered=config.max_cache_size,
    )
    return compiled(config, scope, NAME, asked, consumer=CONSUMER, principal=PRINCIPAL)


def _found(config: Config, scope: Scope) -> str:
    """Where the provider's document says that tokens are introspected; "" while there is none."""
    issuer, seconds = config.provider_url.rstrip("/"), config.authentication_timeout / 1000
    kind, url = discovery.of(issuer), issuer + discovery.PATH
    text = scope.documents.get(Document(url, kind, DISCOVERY_SECONDS, seconds, trusted_ca=config.trusted_ca))
    return discovery.endpoint(text) if text else ""


def advice(config: Config) -> Iterator[Advice]:
    yield from idle(config)
    usual = Config.model_fields
    longest = config.max_federation_expiration_time
    if longest == 0 and config.max_cache_size != usual["max_cache_size"].default:
        yield Advice("maxCacheSize", "does nothing while no token is remembered")
    if not config.max_cache_size and longest > 0:
        yield Advice("maxFederationExpirationTime", "does nothing while no token is remembered")
    for field, url in (("providerUrl", config.provider_url), ("introspectionUrl", config.introspection_url)):
        yield from (Advice(field, why) for why in plain(url))
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
    sends={"clientSecret": ("providerUrl", "introspectionUrl")},
    asks_contracts=asks_contracts,
    advice=advice,
    from_provider=FromProvider(asks, fill, FILLED),
    aliases=("openidconnect-access-token-enforcement-flex",),
    refuses=True,
    icon="fingerprint",
)
