"""Whether what is stored of a policy's secrets may stay where its configuration changes."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic.alias_generators import to_camel

from apis.client_providers import filling
from apis.rules import policy_config
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
    fields = policy.sends.get(_spelled(path.partition(".")[0]), ())
    return not leads_elsewhere(_written(policy, fields, before), _written(policy, fields, after))


def _written(policy: Policy[Any], fields: tuple[str, ...], config: Config) -> Iterator[str]:
    """What stands in these fields, under either of their names; what nobody wrote is as usual."""
    for name, info in policy.config.model_fields.items():
        alias = info.alias or to_camel(name)
        if alias in fields:
            given = [config[one] for one in (alias, name) if one in config] or [info.default]
            yield from (one for one in given if isinstance(one, str))


def _spelled(name: str) -> str:
    return to_camel(name) if "_" in name else name
