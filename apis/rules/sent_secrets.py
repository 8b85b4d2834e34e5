"""Whether a policy, as it is saved or runs, sends a shared secret to a host that its group does not name."""

from collections.abc import Iterator, Mapping
from typing import Any

from apis.client_providers import filling
from apis.secret_groups import references, sending
from apis.secret_groups.models import Secret
from policies import catalog
from policies.traits import ClientProvider

Known = Mapping[references.Key, Secret]


def astray(
    policy: str, config: Mapping[str, Any], known: Known, provider: ClientProvider | None
) -> Iterator[sending.Astray]:
    """Of a policy by its name; a gateway refuses one that the catalog no longer has. `provider` is the
    environment's, which may say where its addresses are.
    """
    try:
        template = catalog.find(policy)
    except catalog.UnknownPolicy:
        return
    yield from sending.astray(template, filling.filled(template, config, provider), known)


def servers(
    policy: str, config: Mapping[str, Any], group: str, provider: ClientProvider | None
) -> Iterator[str]:
    """Where it sends secrets of this group, as a group names them."""
    try:
        template = catalog.find(policy)
    except catalog.UnknownPolicy:
        return
    yield from sending.servers(template, filling.filled(template, config, provider), group)
