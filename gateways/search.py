"""How gateways are found by name."""

from collections.abc import Iterator

from console.finder import Hit, nearest_first, where
from console.models import User
from gateways.models import Gateway


def gateways(user: User, query: str, limit: int) -> Iterator[Hit]:
    named = Gateway.objects.visible_to(user).filter(name__icontains=query)
    rows = named.order_by(*nearest_first("name", query)).select_related("environment__organization")
    for row in rows[:limit]:
        url = row.get_absolute_url()
        yield Hit("Gateway", icon="server", name=row.name, detail=where(row.environment), url=url)
