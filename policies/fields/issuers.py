"""The URL of a provider of OpenID Connect: its issuer."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from policies.documents import discovery
from policies.fields.urls import OptionalUrl


def _checked(url: str) -> str:
    if url and ("?" in url or url.rstrip("/").endswith(discovery.PATH)):
        raise PydanticCustomError(
            "provider", "write the issuer's URL alone; its document is found from there"
        )
    return url


OptionalIssuer = Annotated[OptionalUrl, Field(max_length=2000), AfterValidator(_checked)]
"""Or "" for none."""
