"""The list of gateways: searched, filtered, sorted, and its table kept fresh."""

from django.db.models import F
from django.http import HttpResponse

from console.listing import Select, asked, listing
from console.scope import Request
from gateways.models import Gateway, GatewayQuerySet
from gateways.views import state
from gateways.views.access import environment_of

COLUMNS = {
    "name": "name",
    "status": "live_count",
    "platform": "platform",
    "apis": "api_count",
    "heard": "heard_at",
}
STATES = ("Connected", "Disconnected", "Revoked")


def index(request: Request) -> HttpResponse:
    chosen = Select.of(request, "status", "Status", [(one, one) for one in STATES])
    order = request.GET.get("sort", "name")
    found = Gateway.objects.filter(environment=environment_of(request), name__icontains=asked(request))
    ordered = _ordered(_in_state(found, chosen.chosen), order)
    shown = listing(
        request,
        "gateways",
        "gateway",
        ordered,
        searches="name",
        selects=(chosen,),
        sort=order,
        every_seconds=4,
    )
    rows = [(gateway, state.of_gateway(gateway)) for gateway in shown.page]
    return shown.answer(request, "gateways/gateway_list.html", "gateways/_gateways.html", {"rows": rows})


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
