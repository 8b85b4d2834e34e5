"""How APIs and TLS contexts are found by name."""

from collections.abc import Iterator

from django.db.models import CharField, Q
from django.db.models.functions import Cast

from apis.models import ApiInstance, TlsContext
from console.finder import Hit, nearest_first, where
from console.models import User


def apis(user: User, query: str, limit: int) -> Iterator[Hit]:
    """By the name of the asset, the label, the base path, or the number's beginning."""
    visible = ApiInstance.objects.visible_to(user).select_related("asset", "environment__organization")
    number = Q(number__startswith=query) if query.isdecimal() else Q()
    named = Q(asset__name__icontains=query) | Q(label__icontains=query) | Q(base_path__icontains=query)
    found = visible.annotate(number=Cast("pk", CharField())).filter(named | number)
    for api in found.order_by(*nearest_first("asset__name", query), "pk")[:limit]:
        detail = f"{api.autodiscovery_name} · :{api.port}{api.base_path} · {where(api.environment)}"
        yield Hit("API", icon="waypoints", name=api.asset.name, detail=detail, url=api.get_absolute_url())


def tls_contexts(user: User, query: str, limit: int) -> Iterator[Hit]:
    named = TlsContext.objects.visible_to(user).filter(name__icontains=query)
    rows = named.order_by(*nearest_first("name", query)).select_related("environment__organization")
    for row in rows[:limit]:
        url = row.get_absolute_url()
        yield Hit("TLS context", icon="lock", name=row.name, detail=where(row.environment), url=url)
