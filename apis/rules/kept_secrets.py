"""Whether what is stored of a policy's secrets may stay where its configuration changes."""

from collections.abc import Mapping
from typing import Any

from apis.client_providers import filling
from apis.rules import policy_config
from apis.secret_groups.sending import addresses
from console.addressed import ANEW, leads_elsewhere
from policies.policy import Policy

Config = Mapping[str, Any]


def faults(
    policy: Policy[Any], before: Config, secrets: Mapping[str, str], config: Config
) -> dict[str, list[str]]:
    """By field: the stored secrets that the configuration leaves as they are and sends to another address
    than the configuration `before` did.
    """
    after = filling.stripped(policy, config)
    return {
        f"config.{path}": [ANEW]
        for path in secrets
        if policy_config.is_left(after, path) and not stays(policy, path, before, after)
    }


def stays(policy: Policy[Any], path: str, before: Config, after: Config) -> bool:
    """Whether what is stored at this path of the configuration `before` goes to no other address `after`."""
    field = path.partition(".")[0]
    return not leads_elsewhere(addresses(policy, field, before), addresses(policy, field, after))
