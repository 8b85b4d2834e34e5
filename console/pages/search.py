"""Finds gateways, APIs, TLS contexts and policies by name, in what the user may see."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Case, CharField, Q, QuerySet, When
from django.db.models.functions import Cast
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse

from apis.models import ApiInstance, TlsContext
from console.models import Environment, User
from console.scope import Request
from gateways.models import Gateway
from policies import catalog

PANEL_LIMIT = 5
PAGE_LIMIT = 50


@dataclass(frozen=True)
class Hit:
    """One thing found: its kind in words, and where it is."""

    kind: str
    icon: str
    name: str
    detail: str
    url: str


def search(request: Request) -> HttpResponse:
    """The page of results, or, for htmx, the panel below the search field."""
    query = request.GET.get("q", "").strip()[:100]
    limit = PANEL_LIMIT if request.htmx else PAGE_LIMIT
    hits = list(_hits(request.user, query, limit)) if query else []
    template = "console/_search_panel.html" if request.htmx else "console/search.html"
    return render(request, template, {"query": query, "hits": hits})


def _hits(user: User, query: str, limit: int) -> Iterator[Hit]:
    for api in _apis(user, query)[:limit]:
        detail = f"{api.autodiscovery_name} · :{api.port}{api.base_path} · {_where(api.environment)}"
        yield Hit("API", icon="waypoints", name=api.asset.name, detail=detail, url=api.get_absolute_url())
    gateways, contexts = Gateway.objects.visible_to(user), TlsContext.objects.visible_to(user)
    for kind, icon, visible in (("Gateway", "server", gateways), ("TLS context", "lock", contexts)):
        named = visible.filter(name__icontains=query).order_by(*_nearest_first("name", query))
        for row in named.select_related("environment__organization")[:limit]:
            where = _where(row.environment)
            yield Hit(kind, icon=icon, name=row.name, detail=where, url=row.get_absolute_url())
    words = query.casefold()
    found = [p for p in catalog.policies() if words in f"{p.title} {p.name} {p.category}".casefold()]
    for policy in found[:limit]:
        yield Hit(
            "Policy",
            icon=policy.icon,
            name=policy.title,
            detail=policy.summary,
            url=reverse("policy", args=[policy.name]),
        )


def _where(environment: Environment) -> str:
    return f"{environment.organization} / {environment}"


def _apis(user: User, query: str) -> QuerySet[ApiInstance]:
    visible = ApiInstance.objects.visible_to(user).select_related("asset", "environment__organization")
    number = Q(number__startswith=query) if query.isdecimal() else Q()
    named = Q(asset__name__icontains=query) | Q(label__icontains=query) | Q(base_path__icontains=query)
    found = visible.annotate(number=Cast("pk", CharField())).filter(named | number)
    return found.order_by(*_nearest_first("asset__name", query), "pk")


def _nearest_first(field: str, query: str) -> tuple[Case, str]:
    """Names that begin with the query before names that hold it."""
    return Case(When(Q(**{f"{field}__istartswith": query}), then=0), default=1), field
