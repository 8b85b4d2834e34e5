"""The shared secrets that a policy's form offers where it asks for a secret."""

from functools import cached_property

from apis.secret_groups.models import Secret
from console.models import Environment

MOST = 200
"""Of those beyond, the mention is typed."""


class SharedSecrets:
    """Asked of the database by the first field that shows them."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    @cached_property
    def any(self) -> list[str]:
        """How policies mention them."""
        rows = Secret.objects.filter(group__environment=self._environment, kind=Secret.Kind.SHARED)
        found = rows.without_content().select_related("group").order_by("group__name", "name")[:MOST]
        return [one.mention for one in found]
