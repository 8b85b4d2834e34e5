"""The APIs of one gateway: a tab of the gateway's page, here because APIs stand above gateways."""

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse

from apis import traffic
from apis.addresses import served
from apis.deployment.pending import waiting_on
from apis.deployment.status import ApiStatus, ReplicaStatus, runs_of
from apis.failing import Failing
from apis.models import ApiInstance
from console.listing import asked, listing
from console.scope import Request
from gateways.views.access import gateway_of
from gateways.views.detail import frame


@dataclass(frozen=True)
class GatewayApiRow:
    """An API, and where it stands on each replica that reports."""

    api: ApiInstance
    status: ApiStatus
    replicas: list[ReplicaStatus]
    failing: Failing | None
    port: int
    base_path: str


def index(request: Request, pk: UUID) -> HttpResponse:
    gateway = gateway_of(request, pk)
    found = ApiInstance.objects.permitting(request.scope.held).filter(gateway=gateway).select_related("asset")
    if query := asked(request):
        found = found.filter(Q(asset__name__icontains=query) | Q(label__icontains=query))
    shown = listing(request, "gateway-apis", "API", found, searches="name or label", every_seconds=4)
    runs = runs_of(shown.page.object_list)
    failing = traffic.failing(runs)
    where = served(shown.page)
    rows = [GatewayApiRow(api, *runs[api.pk], failing.get(api.pk), *where[api.pk][1:]) for api in shown.page]
    context = frame(gateway, "apis") | {"rows": rows, "pending_count": waiting_on(gateway).count()}
    return shown.answer(request, "gateways/gateway_apis.html", "gateways/_gateway_apis.html", context)
