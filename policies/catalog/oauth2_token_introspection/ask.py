"""Asks the authorization server about a token; the gateway's authorizer runs it."""

from collections.abc import Mapping
from typing import Any

from policies.answers.answer import CheckedCredential, Network
from policies.introspection.introspect import introspect


async def ask(asked: Mapping[str, Any], credential: bytes, network: Network) -> CheckedCredential:
    """Raises Unanswered."""
    return await introspect(asked["url"], credential, {}, {"Authorization": asked["authorization"]}, network)
