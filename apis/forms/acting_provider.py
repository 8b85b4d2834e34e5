"""Which client provider judges tokens for a policy, as its form says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apis.client_providers import filling
from console.models import Environment
from policies.policy import Policy
from policies.traits import ClientProvider


@dataclass(frozen=True)
class Acting:
    """`provider` is the environment's, None where it has none; it `acts` where the form names no other."""

    environment: Environment
    provider: ClientProvider | None
    acts: bool


def acting(policy: Policy[Any], environment: Environment, config: Mapping[str, Any]) -> Acting | None:
    """None for a policy that asks no provider."""
    if policy.from_provider is None or not policy.from_provider.concerns(config):
        return None
    return Acting(environment, filling.of(environment.pk), filling.asks(policy, config))
