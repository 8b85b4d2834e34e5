"""How APIs, client applications, TLS contexts, secrets, automated policies and policy sets are found."""

from collections.abc import Iterator

from django.db.models import CharField, Q
from django.db.models.functions import Cast
from django.urls import reverse

from apis.addresses import listens, served
from apis.automated.models import AutomatedPolicy, PolicySet
from apis.contracts.models import Application
from apis.models import ApiInstance, TlsContext
from apis.secret_groups.models import Secret
from console.finder import Hit, nearest_first, where
from console.models import Organization, User
from console.permissions import Permission


def apis(user: User, query: str, limit: int) -> Iterator[Hit]:
    """By the name of the asset, the label, the base path as saved or as run, or the number's beginning."""
    visible = ApiInstance.objects.visible_to(user).select_related("asset", "environment__organization")
    number = Q(number__startswith=query) if query.isdecimal() else Q()
    named = Q(asset__name__icontains=query) | Q(label__icontains=query) | listens(base_path__icontains=query)
    found = visible.annotate(number=Cast("pk", CharField())).filter(named | number)
    hits = list(found.order_by(*nearest_first("asset__name", query), "pk")[:limit])
    places = served(hits)
    for api in hits:
        _, port, base_path = places[api.pk]
        detail = f"{api.autodiscovery_name} · :{port}{base_path} · {where(api.environment)}"
        yield Hit("API", icon="waypoints", name=api.asset.name, detail=detail, url=api.get_absolute_url())


def applications(user: User, query: str, limit: int) -> Iterator[Hit]:
    """By name, or the client id's beginning; of those that the user owns and may not manage, the own page."""
    named = Q(name__icontains=query) | Q(client_id__startswith=query.lower())
    rows = Application.objects.visible_to(user).filter(named).select_related("organization")
    managed = set(
        Organization.objects.visible_to(user, Permission.VIEW_CONTRACTS).values_list("pk", flat=True)
    )
    for row in rows.order_by(*nearest_first("name", query))[:limit]:
        page = "application" if row.organization_id in managed else "consumer_application"
        url, detail = reverse(page, args=[row.pk]), str(row.organization)
        yield Hit("Client application", icon="app-window", name=row.name, detail=detail, url=url)


def tls_contexts(user: User, query: str, limit: int) -> Iterator[Hit]:
    named = TlsContext.objects.visible_to(user).filter(name__icontains=query)
    rows = named.order_by(*nearest_first("name", query)).select_related("environment__organization")
    for row in rows[:limit]:
        url = row.get_absolute_url()
        yield Hit("TLS context", icon="lock", name=row.name, detail=where(row.environment), url=url)


def secrets(user: User, query: str, limit: int) -> Iterator[Hit]:
    named = Secret.objects.visible_to(user).without_content().filter(name__icontains=query)
    rows = named.select_related("group__environment__organization")
    for row in rows.order_by(*nearest_first("name", query), "pk")[:limit]:
        url, detail = row.get_absolute_url(), f"{row.group} · {where(row.group.environment)}"
        yield Hit(row.get_kind_display(), icon="key-round", name=row.name, detail=detail, url=url)


def automated(user: User, query: str, limit: int) -> Iterator[Hit]:
    """By the policy's name in the catalog, or the label."""
    visible = AutomatedPolicy.objects.visible_to(user).select_related("environment__organization")
    named = Q(policy__icontains="-".join(query.split())) | Q(label__icontains=query)
    for row in visible.filter(named).order_by(*nearest_first("policy", query))[:limit]:
        url, detail = row.get_absolute_url(), where(row.environment)
        yield Hit("Automated policy", icon="shield", name=str(row), detail=detail, url=url)


def policy_sets(user: User, query: str, limit: int) -> Iterator[Hit]:
    named = PolicySet.objects.visible_to(user).filter(name__icontains=query)
    rows = named.order_by(*nearest_first("name", query)).select_related("environment__organization")
    for row in rows[:limit]:
        url, detail = row.get_absolute_url(), where(row.environment)
        yield Hit("Policy set", icon="list-plus", name=row.name, detail=detail, url=url)
