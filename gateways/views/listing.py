"""The list of gateways: searched, filtered, sorted, and its table kept fresh."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponse
from django.shortcuts import render

from console.scope import Request
from gateways.models import Gateway, GatewayQuerySet
from gateways.views import state
from gateways.views.access import environment_of

PAGE_SIZE = 20
TABLE = "gateway-table"
COLUMNS = {
    "name": "name",
    "status": "live_count",
    "platform": "platform",
    "apis": "api_count",
    "heard": "heard_at",
}
STATES = ("Connected", "Disconnected", "Revoked")


def index(request: Request) -> HttpResponse:
    environment = environment_of(request)
    query, chosen = request.GET.get("q", "").strip(), request.GET.get("status", "")
    order = request.GET.get("sort", "name")
    found = _in_state(Gateway.objects.filter(environment=environment, name__icontains=query), chosen)
    page = Paginator(_ordered(found, order), PAGE_SIZE).get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "page": page,
        "rows": [(gateway, state.of_gateway(gateway)) for gateway in page.object_list],
        "query": query,
        "chosen": chosen,
        "states": STATES,
        "sort": order,
        "is_filtered": bool(query or chosen),
    }
    is_table = request.htmx and request.htmx.target == TABLE
    return render(request, f"gateways/{'_gateway_table' if is_table else 'gateway_list'}.html", context)


def _in_state(gateways: GatewayQuerySet, chosen: str) -> GatewayQuerySet:
    if chosen == "Revoked":
        return gateways.filter(is_revoked=True)
    if chosen == "Connected":
        return gateways.filter(is_revoked=False).connected()
    if chosen == "Disconnected":
        return gateways.filter(is_revoked=False).exclude(pk__in=gateways.connected().values("pk"))
    return gateways


def _ordered(gateways: GatewayQuerySet, order: str) -> GatewayQuerySet:
    column = F(COLUMNS.get(order.removeprefix("-"), "name"))
    by = column.desc(nulls_last=True) if order.startswith("-") else column.asc(nulls_first=True)
    return gateways.with_figures().order_by(by, "name")
