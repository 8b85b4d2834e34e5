"""JWT Validation: lets requests pass whose token is signed by a known key and says what it must."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from policies.catalog.jwt_validation import keys
from policies.envoy.cluster import cluster
from policies.expression import lua
from policies.fields import urls
from policies.fields.expressions import RequestExpression
from policies.fields.headers import RequestHeaderName
from policies.policy import (
    TYPE_URL,
    Advice,
    Category,
    Cluster,
    Compiled,
    Filter,
    Phase,
    Policy,
    PolicyConfig,
    Scope,
    Script,
    Secret,
    at_most,
    fault,
)
from policies.scripting.script import script

NAME = "jwt-validation"
CARRIER = "x-gatewright-jwt"
"""Where an expression's token stands for Envoy's filter; what callers send there is overwritten."""
MOST_URLS, MOST_CLAIMS, MOST_NAMES, LONGEST = 5, 50, 100, 2000
ALGORITHMS = {"rsa": ("RS", "PS"), "hmac": ("HS",), "es": ("ES",), "eddsa": ("EdDSA",)}


def _not_none(method: Any) -> Any:
    if method == "none":
        raise PydanticCustomError(
            "signing_method",
            '"none" is not offered: a token whose signature nobody checks can be written by anybody;'
            " choose how your tokens are signed",
        )
    return method


def _checked_urls(text: str) -> str:
    found = _listed(text)
    if len(found) > MOST_URLS:
        raise PydanticCustomError(
            "urls", "there are {n} URLs and {m} at most", {"n": len(found), "m": MOST_URLS}
        )
    for url in found:
        urls.split(url)
    return text


def _listed(text: str) -> list[str]:
    """What stands in a comma-separated text, each once."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _shown(**conditions: list[Any]) -> dict[str, Any]:
    return {"when": conditions}


class CustomClaim(PolicyConfig):
    key: str = Field(title="Claim", description="Its name in the token.", min_length=1, max_length=200)
    value: RequestExpression = Field(
        title="Must be",
        description="A text that it equals, or an expression that is true, such as"
        " #[vars.claimSet.roles contains 'admin'].",
    )


class ClaimHeader(PolicyConfig):
    claim_name: str = Field(title="Claim", description="Its name in the token.", min_length=1, max_length=200)
    header_name: RequestHeaderName = Field(
        title="Request header", description="Holds its value for the upstream, whatever the caller sent."
    )


class Config(PolicyConfig):
    jwt_origin: Literal["httpBearerAuthenticationHeader", "customExpression"] = Field(
        "httpBearerAuthenticationHeader",
        title="Where the token is",
        description="Authorization: Bearer, or where an expression says.",
        json_schema_extra={
            "labels": {
                "httpBearerAuthenticationHeader": "Authorization header (Bearer)",
                "customExpression": "An expression",
            }
        },
    )
    jwt_expression: Annotated[RequestExpression, Field(validate_default=True)] = Field(
        "#[attributes.headers['jwt']]",  # type: ignore[assignment]  # read as what users write
        title="Token expression",
        description="The token's text, without Bearer.",
        json_schema_extra=_shown(jwtOrigin=["customExpression"]),
    )
    signing_method: Annotated[Literal["rsa", "hmac", "es", "eddsa"], Field(validate_default=True)] = Field(
        "rsa",
        title="Signing method",
        description="A token that is signed otherwise is refused. RSA takes RS and PS.",
        json_schema_extra={
            "labels": {"rsa": "RSA", "hmac": "HMAC", "es": "Elliptic curve", "eddsa": "EdDSA (Ed25519)"}
        },
    )
    signing_key_length: Literal[256, 384, 512] = Field(
        256,
        title="Signing key length",
        description="Of the hash: 256 is RS256 or PS256, HS256, ES256.",
        json_schema_extra=_shown(signingMethod=["rsa", "hmac", "es"]),
    )
    jwt_key_origin: Literal["text", "jwks"] = Field(
        "text",
        title="Where the key is",
        description="Here, or at the issuer as a JSON Web Key Set, which may rotate.",
        json_schema_extra={"labels": {"text": "Written here", "jwks": "JWKS at a URL"}},
    )
    text_key: SecretStr | None = Field(
        None,
        title="Key",
        description="The public key in PEM, with its BEGIN and END lines or without; for HMAC the secret, of"
        " 32, 48 or 64 characters or more. It is stored encrypted.",
        json_schema_extra={"needed": True, **_shown(jwtKeyOrigin=["text"])},
    )
    jwks_url: Annotated[str, AfterValidator(_checked_urls)] = Field(
        "",
        title="JWKS URL",
        description="Of several, separated by commas, the keys of all are taken.",
        max_length=10_000,
        json_schema_extra={
            "examples": ["https://issuer.example.com/jwks.json"],
            "needed": True,
            **_shown(jwtKeyOrigin=["jwks"]),
        },
    )
    jwks_service_time_to_live: int = Field(
        60,
        ge=1,
        le=7 * 24 * 60,
        title="JWKS time to live",
        description="Minutes between two looks at the JWKS.",
        json_schema_extra=_shown(jwtKeyOrigin=["jwks"]),
    )
    jwks_service_connection_timeout: int = Field(
        10_000,
        ge=100,
        le=60_000,
        title="JWKS timeout",
        description="How long the JWKS server may take to answer.",
        json_schema_extra={"format": "duration-ms", **_shown(jwtKeyOrigin=["jwks"])},
    )
    skip_client_id_validation: bool = Field(
        True,
        title="Skip client id validation",
        description="On: any client id may call. Contracts, which would be looked up, are not there yet.",
        json_schema_extra={"advanced": True},
    )
    client_id_expression: Annotated[RequestExpression, Field(validate_default=True)] = Field(
        "#[vars.claimSet.client_id]",  # type: ignore[assignment]
        title="Client id expression",
        description="What later policies know the calling application by: authentication.clientId.",
        json_schema_extra={"advanced": True},
    )
    supported_issuers: str = Field(
        "",
        title="Issuers",
        description="Those (iss) whose tokens are taken, separated by commas; empty takes any.",
        max_length=LONGEST,
    )
    validate_aud_claim: bool = Field(
        False, title="Check the audience", description="Whether the token (aud) must be meant for this API."
    )
    mandatory_aud_claim: bool = Field(
        False,
        title="The audience must be there",
        description="A token without aud is refused.",
        json_schema_extra=_shown(validateAudClaim=[True]),
    )
    supported_audiences: str = Field(
        "",
        title="Audiences",
        description="Of which one must be the token's, separated by commas.",
        max_length=LONGEST,
        json_schema_extra={"needed": True, **_shown(validateAudClaim=[True])},
    )
    mandatory_exp_claim: bool = Field(
        False,
        title="The expiry must be there",
        description="A token without exp is refused; exp always counts.",
    )
    mandatory_nbf_claim: bool = Field(
        False,
        title="The start must be there",
        description="A token without nbf is refused; nbf always counts.",
    )
    leeway_seconds: int = Field(
        0,
        ge=0,
        le=600,
        title="Leeway",
        description="How far the issuer's clock may be off when exp and nbf are looked at.",
        json_schema_extra={"format": "duration-s", "advanced": True},
    )
    validate_custom_claim: bool = Field(
        False, title="Check other claims", description="By text or by expression over vars.claimSet."
    )
    mandatory_custom_claims: Annotated[tuple[CustomClaim, ...], at_most(MOST_CLAIMS, "claims")] = Field(
        (),
        title="Mandatory claims",
        description="Each must be there and hold.",
        json_schema_extra=_shown(validateCustomClaim=[True]),
    )
    non_mandatory_custom_claims: Annotated[tuple[CustomClaim, ...], at_most(MOST_CLAIMS, "claims")] = Field(
        (),
        title="Optional claims",
        description="Each must hold where it is there.",
        json_schema_extra=_shown(validateCustomClaim=[True]),
    )
    claims_to_headers: Annotated[tuple[ClaimHeader, ...], at_most(MOST_CLAIMS, "claims")] = Field(
        (), title="Claims to headers", description="What the upstream is told of the token."
    )

    @field_validator("signing_method", mode="before")
    @classmethod
    def _is_signed(cls, method: Any) -> Any:
        return _not_none(method)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if not self.skip_client_id_validation:
            raise fault(
                "skipClientIdValidation", "must be on: there are no contracts yet to look the client up in"
            )
        if self.jwt_key_origin == "jwks" and not _listed(self.jwks_url):
            raise fault("jwksUrl", "write the URL of the key set, or choose a key written here")
        if self.jwt_key_origin == "jwks" and self.signing_method == "hmac":
            raise fault("jwtKeyOrigin", "an HMAC secret is nothing to publish; write the key here")
        if self.jwt_key_origin == "text":
            text = self.text_key.get_secret_value() if self.text_key else ""
            if not text.strip():
                raise fault("textKey", "write the key, or choose a JWKS")
            try:
                keys.jwks(text, self.signing_method, self.signing_key_length)
            except keys.BadKey as error:
                raise fault("textKey", f"it {error}") from None
        if self.validate_aud_claim and not _listed(self.supported_audiences):
            raise fault("supportedAudiences", "name at least one audience, or do not check it")
        if self.validate_custom_claim and not (
            self.mandatory_custom_claims or self.non_mandatory_custom_claims
        ):
            raise fault("mandatoryCustomClaims", "add a claim, or do not check other claims")
        names = [one.header_name.lower() for one in self.claims_to_headers]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise fault("claimsToHeaders", f'header "{twice}" is there twice; remove one')
        return self


def compile(config: Config, scope: Scope) -> Compiled:
    clusters: tuple[Cluster, ...] = ()
    secrets: tuple[Secret, ...] = ()
    if config.jwt_key_origin == "text":
        source, secrets = _written(config, scope)
        sources = [source]
    else:
        milliseconds = config.jwks_service_connection_timeout
        asked = {url: cluster(scope, url, connect_ms=milliseconds) for url in _listed(config.jwks_url)}
        sources = [{"remote_jwks": _remote(config, url, one.name)} for url, one in asked.items()]
        clusters = tuple(asked.values())
    claims = Path(__file__).with_name("claims.lua")
    check = Path(__file__).with_name("policy.lua")
    tell = Path(__file__).with_name("tell.lua")
    settings = _settings(config, scope, len(sources))
    told = {one: settings[one] for one in ("claims", "token", "client_id")}
    filters: tuple[Filter | Script, ...] = (
        Filter(f"{scope.binding}/signature", _jwt_authn(config, scope, sources)),
        script(scope, NAME, [claims, check], settings, evaluates=True),
        script(scope, NAME, [claims, tell], told, evaluates=True, gives="authentication"),
    )
    if config.jwt_origin == "customExpression":
        carry = Path(__file__).with_name("carry.lua")
        carried: dict[str, lua.Value] = {"token": config.jwt_expression.lua, "carrier": CARRIER}
        filters = (script(scope, NAME, [carry], carried, evaluates=True), *filters)
    return Compiled(filters, clusters=clusters, secrets=secrets)


def _written(config: Config, scope: Scope) -> tuple[dict[str, Any], tuple[Secret, ...]]:
    """The key set of the key that stands in the configuration: an HMAC secret in a file of its own."""
    text = config.text_key.get_secret_value() if config.text_key else ""
    made = keys.jwks(text, config.signing_method, config.signing_key_length)
    if config.signing_method != "hmac":
        return {"local_jwks": {"inline_string": made}}, ()
    secret = scope.secret(made)
    return {"local_jwks": {"filename": str(secret.path)}}, (secret,)


def _remote(config: Config, url: str, cluster_name: str) -> dict[str, Any]:
    """Looked at again in the background; until that succeeds, the keys that are known hold on."""
    timeout = f"{config.jwks_service_connection_timeout / 1000:g}s"
    return {
        "http_uri": {"uri": url, "cluster": cluster_name, "timeout": timeout},
        "cache_duration": f"{config.jwks_service_time_to_live * 60}s",
        "async_fetch": {"fast_listener": True, "failed_refetch_duration": "5s"},
        "retry_policy": {"num_retries": 1},
    }


def _jwt_authn(config: Config, scope: Scope, sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Checks the signature and says what it found; what it means is for policy.lua to decide.

    The names are the binding's own: what another policy found of another token must not count here.
    """
    where = (
        [{"name": CARRIER}]
        if config.jwt_origin == "customExpression"
        else [
            {"name": "authorization", "value_prefix": f"{scheme} "}
            for scheme in ("Bearer", "bearer", "BEARER")
        ]
    )
    providers = {
        f"keys-{number}": {
            "from_headers": where,
            "forward": True,
            "payload_in_metadata": f"{scope.binding}/claims",
            "header_in_metadata": f"{scope.binding}/header",
            "failed_status_in_metadata": f"{scope.binding}/failed-{number}",
            # 0 would mean 60: policy.lua looks at the times to the second.
            "clock_skew_seconds": config.leeway_seconds + 1,
            **source,
        }
        for number, source in enumerate(sources)
    }
    anyhow = [*({"provider_name": name} for name in providers), {"allow_missing_or_failed": {}}]
    return {
        "@type": TYPE_URL + "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
        "providers": providers,
        "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": anyhow}}}],
    }


def _settings(config: Config, scope: Scope, sources: int) -> dict[str, lua.Value]:
    is_custom = config.jwt_origin == "customExpression"
    bits = "" if config.signing_method == "eddsa" else str(config.signing_key_length)
    names = ALGORITHMS[config.signing_method]
    checks = config.validate_custom_claim
    return {
        "claims": f"{scope.binding}/claims",
        "header": f"{scope.binding}/header",
        "failed": [f"{scope.binding}/failed-{number}" for number in range(sources)],
        "carrier": CARRIER if is_custom else None,
        "token": config.jwt_expression.lua if is_custom else None,
        "client_id": config.client_id_expression.lua,
        "realm": scope.api.rpartition("/")[2],
        "algorithms": {f"{name}{bits}": True for name in names},
        "issuers": dict.fromkeys(_listed(config.supported_issuers), True),
        "any_issuer": not _listed(config.supported_issuers),
        "audiences": dict.fromkeys(_listed(config.supported_audiences), True),
        "checks_audience": config.validate_aud_claim,
        "needs_audience": config.mandatory_aud_claim,
        "needs_exp": config.mandatory_exp_claim,
        "needs_nbf": config.mandatory_nbf_claim,
        "leeway": config.leeway_seconds,
        "mandatory": [_claim(one) for one in config.mandatory_custom_claims if checks],
        "optional": [_claim(one) for one in config.non_mandatory_custom_claims if checks],
        "headers": [
            {"claim": one.claim_name, "header": one.header_name.lower()} for one in config.claims_to_headers
        ],
    }


def _claim(one: CustomClaim) -> dict[str, lua.Value]:
    return {"name": one.key, "expected": one.value.lua}


def advice(config: Config) -> Iterator[Advice]:
    if config.jwt_key_origin == "jwks" and any(url.startswith("http:") for url in _listed(config.jwks_url)):
        yield Advice("jwksUrl", "is fetched without TLS: who stands between can put in keys of their own")


POLICY = Policy(
    name=NAME,
    title="JWT Validation",
    category=Category.SECURITY,
    phase=Phase.IDENTIFY,
    summary="Lets requests pass whose JSON Web Token is signed by a known key and says what it must.",
    version="0.12.0",
    config=Config,
    compile=compile,
    gives=frozenset(("authentication",)),
    own_variables=frozenset(("vars",)),
    advice=advice,
    aliases=("jwt-validation-flex",),
    icon="fingerprint",
)
