"""The client provider of an environment in policies that name none of their own: put in when a configuration
is checked and when a gateway's snapshot is built. No configuration and no revision keeps a copy.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import UUID

from apis.client_providers.models import Chosen
from policies import catalog
from policies.policy import Policy
from policies.traits import ClientProvider

MARK = "/client-provider"
"""Among what a revision refers to: its environment's client provider acts in it. No group of secrets has no
name, so a release that does not know it finds none, and the gateway says what its API lacks.
"""
MISSING = "deletedClientProvider"
"""A field that no policy has: with it a gateway refuses the API."""


def asks(policy: Policy[Any], config: Mapping[str, Any]) -> bool:
    """Whether the environment's client provider acts."""
    return policy.from_provider is not None and policy.from_provider.asks(config)


def any_asks(pairs: Iterable[tuple[str, Mapping[str, Any]]]) -> bool:
    """Whether it acts in any of these, each a policy's name and its configuration."""
    return any(name in names() and asks(catalog.find(name), config) for name, config in pairs)


@cache
def names() -> frozenset[str]:
    """The policies that may ask for one: others need not be looked up."""
    return frozenset(policy.name for policy in catalog.policies() if policy.from_provider)


def of(environment: UUID) -> ClientProvider | None:
    row = Chosen.objects.select_related("provider", "truststore").filter(environment=environment).first()
    return row.told if row else None


def stripped(policy: Policy[Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the provider says, where it acts."""
    if not asks(policy, config) or policy.from_provider is None:
        return dict(config)
    return {name: value for name, value in config.items() if name not in policy.from_provider.fields}


def filled(policy: Policy[Any], config: Mapping[str, Any], provider: ClientProvider | None) -> dict[str, Any]:
    """Itself where none is asked for, or there is none."""
    if not asks(policy, config) or policy.from_provider is None or provider is None:
        return dict(config)
    return policy.from_provider.fill(config, provider)


def shown(
    provider: ClientProvider, variable: Callable[[str, str], str], literal: Callable[[str], str]
) -> ClientProvider:
    """As a file of Local Mode has it: its secret by a variable, and `literal` what looks like one."""
    secret = variable(f"client provider {provider.name}", "secret")
    return replace(provider, client_id=literal(provider.client_id), client_secret=secret)


def put(name: str, config: dict[str, Any], provider: ClientProvider | None) -> dict[str, Any]:
    """For a gateway: what it refuses where there is none."""
    if not any_asks([(name, config)]):
        return config
    return filled(catalog.find(name), config, provider) if provider else config | {MISSING: "none"}
