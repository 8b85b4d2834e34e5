"""The pages: an environment's traffic, one API's dashboard, and what they fetch."""

import csv
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render

from analytics import dashboards, figures, queries, ranges, upstreams, usage, without_contract
from apis.contracts.models import Application, Contract
from apis.models import ApiInstance
from apis.views.access import api_of, environment_of
from apis.views.application_access import application_of, own_application
from apis.views.application_secrets import MANAGED, OWN
from apis.views.frame import frame
from console.forms.schema_form import Field
from console.permissions import Permission
from console.scope import Request

SAMPLE_CHOICES = (
    ("", "All"),
    ("2xx", "2xx"),
    ("3xx", "3xx"),
    ("4xx", "4xx"),
    ("5xx", "5xx"),
    ("failed", "Upstream failed"),
    ("violations", "Refused"),
    ("observed", "Would be refused"),
)
PERCENTILES = ("p50", "p95", "p99")
MOST_APIS = 1000
"""Of one application, whose calls are added up."""


def index(request: Request) -> HttpResponse:
    """All APIs of the environment."""
    environment = environment_of(request, Permission.VIEW_TRAFFIC)
    over = ranges.of_request(request.GET, ranges.FEW_STEPS)
    context = dashboards.of_environment(environment, over) | _toolbar(request, over)
    return render(request, _template(request, "analytics/environment"), context)


def api_dashboard(request: Request, pk: int) -> HttpResponse:
    """One API, as a tab of its page."""
    api = api_of(request, pk, Permission.VIEW_TRAFFIC)
    over = ranges.of_request(request.GET)
    chosen = request.GET.get("samples", "")
    request_id = request.GET.get("request", "").strip()
    asked = upstreams.chosen(api, request.GET.get("upstream", ""))
    chosen = chosen if chosen in dict(SAMPLE_CHOICES) else ""
    context = dashboards.of_api(api, over, chosen, request_id, asked)
    context |= _toolbar(request, over) | {"sample_choices": SAMPLE_CHOICES} | _kept(request, asked)
    without_contract.tell(request.user, api, context["samples"])
    if _is_poll(request):
        return render(request, "analytics/_api.html", context | {"api": api})
    return render(request, "analytics/api_analytics.html", frame(request, api, "analytics") | context)


def api_tiles(request: Request, pk: int) -> HttpResponse:
    """The last hour's key metrics and traffic, for the API's overview."""
    api = api_of(request, pk, Permission.VIEW_TRAFFIC)
    over = ranges.of_request({})
    context = dashboards.summary(api, over) | {"api": api, "over": over}
    return render(request, "analytics/_api_tiles.html", context)


def api_export(request: Request, pk: int) -> HttpResponse:
    """The charts' numbers as CSV; times are UTC, latencies milliseconds."""
    api = api_of(request, pk, Permission.VIEW_TRAFFIC)
    over = ranges.of_request(request.GET)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    name = f"api-{api.pk}-{over.start:%Y%m%dT%H%M%S}-{over.end:%Y%m%dT%H%M%S}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(response)
    latencies = [f"{part}_{name}_ms" for part in ("total", "upstream") for name in PERCENTILES]
    writer.writerow(["time", "requests", *figures.CLASSES, "violations", *latencies])
    whose = upstreams.chosen(api, request.GET.get("upstream", "")) or [api.pk]
    for time, point in zip(over.times, queries.series(whose, over), strict=True):
        total = [point.latency_ms(q) for _, q, _ in dashboards.PERCENTILES]
        upstream = [point.upstream_ms(q) for _, q, _ in dashboards.PERCENTILES]
        counts = [point.requests, *point.classes.values(), point.violations]
        writer.writerow([time.isoformat(), *counts, *total, *upstream])
    return response


def application_usage(request: Request, pk: int) -> HttpResponse:
    """An application's calls, of the APIs that the user may see."""
    application = application_of(request, pk)
    contracts = application.contracts.visible_to(request.user)
    return _usage(request, application, contracts, MANAGED)


def consumer_usage(request: Request, pk: int) -> HttpResponse:
    """The same for who owns it: of all of its APIs."""
    application = own_application(request, pk)
    return _usage(request, application, application.contracts.all(), OWN)


def _usage(
    request: Request, application: Application, contracts: QuerySet[Contract], base: str
) -> HttpResponse:
    over = ranges.of_request({"range": "24h", **request.GET.dict()}, ranges.FEW_STEPS)
    rows = ApiInstance.objects.filter(pk__in=contracts.order_by().values("api")[:MOST_APIS])
    apis = list(rows.select_related("asset", "environment"))
    context = usage.of_application(application, apis, over) | _toolbar(request, over)
    context |= {"application": application, "base": base, "is_own": base == OWN}
    page = "analytics/_usage.html" if _is_poll(request) else "analytics/application_usage.html"
    return render(request, page, context)


def _kept(request: Request, asked: queries.UpstreamCalls | None) -> dict[str, Any]:
    """Which upstream alone the page shows, and how its links say so."""
    if asked is None:
        return {"asked": "", "kept": ""}
    key = request.GET["upstream"]
    return {"asked": key, "kept": f"&upstream={key}"}


def _toolbar(request: Request, over: ranges.Range) -> dict[str, Any]:
    """`is_live`: the page asks again by itself, the more often the finer its steps."""
    is_live = not over.is_custom and request.GET.get("live") != "0"
    return {
        "presets": list(ranges.PRESETS),
        "is_live": is_live,
        "range_fields": [
            Field("moment", "from", "From, UTC", is_required=True, value=over.start),
            Field("moment", "to", "To, UTC", is_required=True, value=over.end),
        ],
        "range_fault": ranges.fault(request.GET),
        "live_seconds": 5 if over.step <= 60 else 30,
        "full_path": request.get_full_path(),
    }


def _is_poll(request: Request) -> bool:
    """Whether htmx asks for the figures alone, to put them in the place of the old ones."""
    return bool(request.htmx) and request.htmx.target == "figures"


def _template(request: Request, name: str) -> str:
    folder, _, page = name.rpartition("/")
    return f"{folder}/_{page}.html" if _is_poll(request) else f"{name}.html"
