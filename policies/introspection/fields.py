"""What policies that have a token introspected are told alike."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from policies import repeats
from policies.policy import PolicyConfig
from policies.traits import Advice, AsksContracts

MOST_SCOPES = 50
_SCOPE = re.compile(r"[!#-\[\]-~]{1,200}")
"""RFC 6749, 3.3."""


def split(scopes: str) -> list[str]:
    """Each once, in order."""
    return list(dict.fromkeys(scopes.split()))


def _checked(scopes: str) -> str:
    found = split(scopes)
    if len(found) > MOST_SCOPES:
        raise PydanticCustomError(
            "scopes", "there are {n} scopes and {m} at most", {"n": len(found), "m": MOST_SCOPES}
        )
    if wrong := next((one for one in found if not _SCOPE.fullmatch(one)), ""):
        raise PydanticCustomError(
            "scope",
            '"{wrong}" is no scope; write them with blanks between, as in: read write',
            {"wrong": wrong[:80]},
        )
    return scopes


class TokenConfig(PolicyConfig):
    """Base of their configurations."""

    scopes: Annotated[str, AfterValidator(_checked)] = Field(
        "",
        title="Scopes",
        description="That the token must have, with blanks between. Empty: any token will do.",
        max_length=10_000,
        json_schema_extra={"examples": ["orders:read orders:write"]},
    )
    scope_validation_criteria: Literal["AND", "OR"] = Field(
        "AND",
        title="Of several scopes",
        description="Whether the token must have all of them, or one of them.",
        json_schema_extra={"labels": {"AND": "All of them", "OR": "One of them"}},
    )
    expose_headers: bool = Field(
        False,
        title="Tell the upstream",
        description="Each text that the provider says of the token becomes a header X-AGW-NAME for the"
        " upstream; what callers send under such names is taken away.",
    )
    skip_client_id_validation: bool = Field(
        False,
        title="Skip client id validation",
        description="Off: the token's client needs a contract with the API. On: any client may call.",
        json_schema_extra={"asksContracts": False},
    )
    authentication_timeout: int = Field(
        10_000,
        ge=10,
        le=120_000,
        title="Longest wait",
        description="A request whose token is not judged in this time is refused with 503.",
        json_schema_extra={"format": "duration-ms", "advanced": True},
    )


def count(most: int, default: int = 1000, **extra: Any) -> Any:
    """A field that bounds how many tokens are remembered."""
    return Field(
        default,
        ge=0,
        le=most,
        title="Tokens remembered",
        description="Of those that are accepted, and as many that are not; the oldest go first. 0: the"
        " provider is asked at each request.",
        json_schema_extra={"advanced": True, **extra},
    )


def asks_contracts(config: TokenConfig) -> AsksContracts | None:
    return None if config.skip_client_id_validation else AsksContracts()


def idle(config: TokenConfig) -> Iterator[Advice]:
    found = split(config.scopes)
    if config.scope_validation_criteria == "OR" and len(found) < 2:
        yield Advice("scopeValidationCriteria", "does nothing with fewer than two scopes")
    if message := repeats.told(config.scopes.split()):
        yield Advice("scopes", message)


def plain(url: str) -> Iterator[str]:
    """Why it is a pity that the provider is asked without TLS, if it is."""
    if url.startswith("http:"):
        yield "is asked without TLS: who stands between reads tokens and the gateway's own credentials"
