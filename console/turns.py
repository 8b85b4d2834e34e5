"""Turns of tenants at the threads that read and try: what one tenant asks for keeps nobody else's waiting.

All organizations of a tenant count together. Turns lie in Valkey, since workers are many processes.
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from uuid import UUID

from django.core.cache import cache

from console.models import Organization, OrganizationQuerySet

MOST_OF_TENANT = 3
"""Of everything together, of the four threads that `manage.py up` starts."""
KEEP_SECONDS = 400
"""After so long whoever has it is gone."""


def together(organization: Organization) -> OrganizationQuerySet:
    """Its tenant, and all business groups of that."""
    return Organization.objects.filter(path__startswith=f"{organization.root_id}/")


def lock(organization: Organization) -> None:
    """Let one at a time take of what its tenant has a share of, until the transaction ends."""
    list(Organization.objects.select_for_update(no_key=True).filter(pk=organization.root_id))


@contextmanager
def turn(tenant: UUID, kind: str, most: int = 1) -> Iterator[bool]:
    """Whether there is one, until the end of the block; of this kind the tenant has `most` at once."""
    with ExitStack() as stack:
        yield stack.enter_context(_taken(f"turn:{tenant}:{kind}", most)) and stack.enter_context(
            _taken(f"turn:{tenant}", MOST_OF_TENANT)
        )


@contextmanager
def _taken(name: str, most: int) -> Iterator[bool]:
    token = secrets.token_hex(8)
    mine = next((key for at in range(most) if cache.add(key := f"{name}:{at}", token, KEEP_SECONDS)), None)
    try:
        yield mine is not None
    finally:
        if mine and cache.get(mine) == token:
            cache.delete(mine)
