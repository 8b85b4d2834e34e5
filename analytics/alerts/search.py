"""How alerts are found by name."""

from collections.abc import Iterator

from analytics.alerts.models import Alert
from console.finder import Hit, nearest_first, where
from console.models import User


def alerts(user: User, query: str, limit: int) -> Iterator[Hit]:
    named = Alert.objects.visible_to(user).filter(name__icontains=query)
    rows = named.order_by(*nearest_first("name", query), "pk").select_related("environment__organization")
    for row in rows[:limit]:
        detail = f"{row.shown_state} · {where(row.environment)}"
        yield Hit("Alert", icon="bell", name=row.name, detail=detail, url=row.get_absolute_url())
