"""The APIs of one gateway: a tab of the gateway's page, here because APIs stand above gateways."""

from dataclasses import dataclass
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render

from apis import traffic
from apis.deployment.status import ApiStatus, ReplicaStatus, runs_of
from apis.failing import Failing
from apis.models import ApiInstance
from console.scope import Request
from gateways.views.access import gateway_of
from gateways.views.detail import frame

PAGE_SIZE = 20
TABLE = "gateway-apis"


@dataclass(frozen=True)
class Row:
    """An API, and where it stands on each replica that reports."""

    api: ApiInstance
    status: ApiStatus
    replicas: list[ReplicaStatus]
    failing: Failing | None


def index(request: Request, pk: UUID) -> HttpResponse:
    """The page, or, for htmx, its table."""
    gateway = gateway_of(request, pk)
    query = request.GET.get("q", "").strip()
    found = ApiInstance.objects.filter(gateway=gateway).select_related("asset")
    if query:
        found = found.filter(Q(asset__name__icontains=query) | Q(label__icontains=query))
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    runs = runs_of(page.object_list)
    failing = traffic.failing(runs)
    rows = [Row(api, *runs[api.pk], failing.get(api.pk)) for api in page.object_list]
    context = frame(gateway, "apis") | {"page": page, "rows": rows, "query": query}
    is_table = request.htmx and request.htmx.target == TABLE
    return render(request, f"gateways/{'_gateway_apis' if is_table else 'gateway_apis'}.html", context)
