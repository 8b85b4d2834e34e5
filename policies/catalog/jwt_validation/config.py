"""What a JWT Validation policy is told: its fields, and what of them goes together."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from policies.catalog.jwt_validation import keys
from policies.fields import trust, urls
from policies.fields.expressions import RequestExpression
from policies.fields.headers import RequestHeaderName
from policies.fields.issuers import OptionalIssuer
from policies.policy import MANY_LINES, PolicyConfig, at_most, fault

MOST_URLS, MOST_CLAIMS, LONGEST = 5, 50, 2000


def _not_none(method: Any) -> Any:
    if method == "none":
        raise PydanticCustomError(
            "signing_method",
            '"none" is not offered: a token whose signature nobody checks can be written by anybody;'
            " choose how your tokens are signed",
        )
    return method


def _checked_urls(text: str) -> str:
    found = listed(text)
    if len(found) > MOST_URLS:
        raise PydanticCustomError(
            "urls", "there are {n} URLs and {m} at most", {"n": len(found), "m": MOST_URLS}
        )
    for url in found:
        urls.split(url)
    return text


def listed(text: str) -> list[str]:
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
    jwt_key_origin: Literal["text", "jwks", "provider"] = Field(
        "text",
        title="Where the key is",
        description="Here, or at the issuer as a JSON Web Key Set, which may rotate: at its URL, or where a"
        " provider's discovery document says.",
        json_schema_extra={
            "labels": {
                "text": "Written here",
                "jwks": "JWKS at a URL",
                "provider": "At a provider of OpenID Connect",
            }
        },
    )
    provider_url: OptionalIssuer = Field(
        "",
        title="Provider",
        description="The issuer's URL. Its discovery document, /.well-known/openid-configuration below it,"
        " tells where its keys are. Empty: the environment's client provider.",
        json_schema_extra={
            "examples": ["https://idp.example.com/realms/main"],
            **_shown(jwtKeyOrigin=["provider"]),
        },
    )
    trusted_ca: trust.TrustedCas = trust.of_provider(**_shown(jwtKeyOrigin=["provider"]))
    text_key: SecretStr | None = Field(
        None,
        title="Key",
        description="The public key in PEM, with its BEGIN and END lines or without; for HMAC the secret, of"
        " 32, 48 or 64 characters or more. It is stored encrypted.",
        json_schema_extra={"needed": True, **MANY_LINES, **_shown(jwtKeyOrigin=["text"])},
    )
    jwks_url: Annotated[str, AfterValidator(_checked_urls)] = Field(
        "",
        title="JWKS URL",
        description="Of several, separated by commas, the keys of all are taken. Each gateway fetches them in"
        " the background, and keeps them while the issuer is away.",
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
        description="Minutes between two looks at the JWKS. A token of an unknown key calls for one at once.",
        json_schema_extra=_shown(jwtKeyOrigin=["jwks", "provider"]),
    )
    jwks_service_connection_timeout: int = Field(
        10_000,
        ge=100,
        le=60_000,
        title="JWKS timeout",
        description="How long the JWKS server may take to answer.",
        json_schema_extra={"format": "duration-ms", **_shown(jwtKeyOrigin=["jwks", "provider"])},
    )
    skip_client_id_validation: bool = Field(
        True,
        title="Skip client id validation",
        description="On: any client id may call. Off: the client needs a contract with the API.",
        json_schema_extra={"advanced": True, "asksContracts": False},
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
        description="Those (iss) whose tokens are taken, separated by commas; empty takes any, of a provider"
        " its own.",
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
        (),
        title="Claims to headers",
        description="What the upstream is told of the token.",
        json_schema_extra={"row": "claim"},
    )

    @field_validator("signing_method", mode="before")
    @classmethod
    def _is_signed(cls, method: Any) -> Any:
        return _not_none(method)

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.jwt_key_origin == "jwks" and not listed(self.jwks_url):
            raise fault("jwksUrl", "write the URL of the key set, or choose a key written here")
        if self.jwt_key_origin == "provider" and not self.provider_url:
            raise fault("providerUrl", "write the URL of a provider that has a discovery document")
        if self.jwt_key_origin != "text" and self.signing_method == "hmac":
            raise fault("jwtKeyOrigin", "an HMAC secret is nothing to publish; write the key here")
        if self.jwt_key_origin == "text":
            text = self.text_key.get_secret_value() if self.text_key else ""
            if not text.strip():
                raise fault("textKey", "write the key, or choose a JWKS")
            try:
                keys.jwks(text, self.signing_method, self.signing_key_length)
            except keys.BadKey as error:
                raise fault("textKey", f"it {error}") from None
        if self.validate_aud_claim and not listed(self.supported_audiences):
            raise fault("supportedAudiences", "name at least one audience, or do not check it")
        if self.validate_custom_claim and not (
            self.mandatory_custom_claims or self.non_mandatory_custom_claims
        ):
            raise fault("mandatoryCustomClaims", "add a claim, or do not check other claims")
        names = [one.header_name.lower() for one in self.claims_to_headers]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise fault("claimsToHeaders", f'header "{twice}" is there twice; remove one')
        return self
