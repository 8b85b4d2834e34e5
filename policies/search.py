"""How policies of the catalog are found by name."""

from collections.abc import Iterator
from itertools import islice

from django.urls import reverse

from console.finder import Hit
from console.models import User
from policies import catalog, transport
from policies.browse import Listed


def policies(user: User, query: str, limit: int) -> Iterator[Hit]:
    """By title, name or category, for every user."""
    words = query.casefold()
    listed: tuple[Listed, ...] = (*catalog.policies(), *transport.ALL)
    found = (p for p in listed if words in f"{p.title} {p.name} {p.category}".casefold())
    for policy in islice(found, limit):
        url = reverse("policy", args=[policy.name])
        yield Hit("Policy", icon=policy.icon, name=policy.title, detail=policy.summary, url=url)
