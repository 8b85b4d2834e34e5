"""What rows that name a policy of the catalog have in common."""

from typing import Any

from policies import catalog


class FromCatalog:
    """`policy` is its name there."""

    policy: Any
    mode: Any
    is_disabled: Any

    @property
    def template(self) -> Any:
        """The catalog's entry; raises UnknownPolicy when the catalog no longer has it."""
        return catalog.find(self.policy)

    @property
    def is_observing(self) -> bool:
        """Whether it tells what it would refuse, and refuses nothing."""
        return self.mode == "observe" and not self.is_disabled

    @property
    def title(self) -> str:
        return title_of(self.policy)


def title_of(policy: str) -> str:
    """The catalog's title; the bare name of a policy that the catalog no longer has."""
    try:
        return str(catalog.find(policy).title)
    except catalog.UnknownPolicy:
        return policy


def response_timeout() -> str:
    """The policy as which an API's own setting reaches gateways, in a binding named after API and policy."""
    return str(catalog.carrier("responseTimeout").name)
