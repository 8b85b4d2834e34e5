"""Asks the provider about a token; the gateway's authorizer runs it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from policies.answers.answer import CheckedCredential, Network, Unanswered
from policies.introspection.introspect import FAR, introspect

WITHOUT_EXP_SECONDS = 600


async def ask(asked: Mapping[str, Any], credential: bytes, network: Network) -> CheckedCredential:
    """Raises Unanswered."""
    if not asked["url"]:
        raise Unanswered("discovery: the provider's document was never had")
    form = {"client_id": asked["client_id"], "client_secret": asked["client_secret"]}
    answer = await introspect(
        asked["url"], credential, form, {}, network, trusted_ca=asked.get("trusted_ca", "")
    )
    return replace(answer, seconds=WITHOUT_EXP_SECONDS) if answer.seconds == FAR else answer
