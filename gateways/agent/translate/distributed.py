"""What is to be shared by replicas: which policies of which APIs, and what they lack for it."""

from collections.abc import Iterable, Iterator, Sequence

from gateways.agent.translate import ir
from gateways.protocol import resources as r
from gateways.protocol.faults import Fault, fault
from policies.catalog import find

MOST_NAMED = 3
NO_KEY = "the shared storage names no sealing key, so replicas forget together and share no answers"


def distributed(apis: Iterable[ir.Api], *, sealed: bool = False) -> list[str]:
    """Policies that are to share, each with its API; `sealed`, of those that need a key for it."""
    return [
        f"{use.policy} of {api.name}"
        for api in apis
        for use in api.policies
        if find(use.policy).distributes(use.config) and (not sealed or find(use.policy).seals)
    ]


def named(told: Sequence[str]) -> str:
    more = f" and {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
    return f"{', '.join(told[:MOST_NAMED])}{more}"


def unsealed(
    resources: Iterable[r.AnyResource], settings: ir.Gateway, apis: Iterable[ir.Api]
) -> Iterator[Fault]:
    """That the storage which these resources name has no key, where a policy needs one."""
    storage = settings.shared_storage
    told = named(distributed(apis, sealed=True)) if storage and not storage.sealing_key else ""
    for one in resources:
        if told and isinstance(one, r.Configuration) and one.spec.shared_storage:
            words = f"has no sealingKey, so replicas share no answers, though {told} is distributed"
            yield fault(one, ("spec", "sharedStorage", "redis"), words, is_warning=True)
