"""The overview of an environment: its state in four figures, what to do next, what changed last."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from analytics import queries
from analytics.bars import Bars, bars
from analytics.figures import Figures, add
from analytics.ranges import last
from apis.addresses import served
from apis.changes import tls_contexts
from apis.contracts import access
from apis.deployment import status_counts
from apis.failing import Failing
from apis.models import ApiInstance, PolicyBinding
from console import first_start, granting
from console.grants import May
from console.models import AuditEntry, Environment, Organization, Role
from console.permissions import Permission
from console.scope import Request
from gateways.models import Gateway

RECENT_CHANGES = 8
HOUR = timedelta(hours=1)
REMEMBERED = timedelta(days=30)
LOOKED_AT = (Permission.VIEW_APIS, Permission.VIEW_GATEWAYS, Permission.VIEW_TRAFFIC)


@dataclass(frozen=True)
class ChecklistItem:
    """Of the way from an empty environment to traffic on a chart."""

    title: str
    text: str
    url: str
    action: str
    is_done: bool


@dataclass(frozen=True)
class FailingApi:
    """`port` and `base_path` are where it listens now, whatever is pending."""

    api: ApiInstance
    failing: Failing
    port: int
    base_path: str


@dataclass(frozen=True)
class Overview:
    """What the tiles say; `states` counts the APIs by their state, `failing`: whose upstreams fail."""

    gateways: int
    connected: int
    apis: int
    states: Mapping[str, int]
    failing: Sequence[FailingApi]
    hour: Figures
    requests_before: int
    chart: Bars

    @property
    def change_percent(self) -> float | None:
        before = self.requests_before
        return 100 * (self.hour.requests - before) / before if before else None

    @property
    def refused_percent(self) -> float | None:
        return 100 * self.hour.violations / self.hour.requests if self.hour.requests else None


def home(request: Request) -> HttpResponse:
    """The page; for htmx, its figures alone."""
    environment = request.scope.environment
    if environment is None:
        if access.owns_any(request.user):
            return redirect("consumer")
        may_begin = request.user.is_superuser and not Organization.objects.exists()
        return render(request, "console/home_without_role.html", {"may_begin": may_begin})
    may = request.scope.may
    overview = _overview(environment, may)
    if request.htmx:
        return render(request, "console/_overview.html", {"overview": overview})
    entries = AuditEntry.objects.seen_by(request.scope.held).filter(environment=environment)
    checklist = _checklist(environment, overview) if may.issuperset(LOOKED_AT) else []
    context = {
        "overview": overview,
        "entries": entries[:RECENT_CHANGES],
        "ending": tls_contexts.ending(environment) if may["view_secrets"] else [],
        "checklist": checklist,
        "done": sum(item.is_done for item in checklist),
    }
    return render(request, "console/home.html", context)


@require_POST
def begin(request: Request) -> HttpResponse:
    """The first organization and its environments, for an administrator whom nothing else made."""
    if not request.user.is_superuser:
        raise PermissionDenied("Only an administrator of everything may begin.")
    with transaction.atomic():
        organization = first_start.ensure_organization()
        granting.grant_role(request.user, request.user, organization, Role.Name.ADMINISTRATOR)
    messages.success(request, f"{organization} is ready, with an environment to try in and one to serve.")
    return redirect("home")


def _overview(environment: Environment, may: May) -> Overview:
    """Of what the user may see in all of it; the rest is asked of nobody, and empty."""
    found = status_counts.counts(environment) if may["view_apis"] else Counter()
    gateways = Gateway.objects.filter(environment=environment, is_revoked=False)
    if not may["view_gateways"]:
        gateways = gateways.none()
    hour = last(HOUR)
    of = environment if may["view_traffic"] else None
    steps = queries.series(of, hour, with_latencies=False) if of else [Figures()] * len(hour.times)
    return Overview(
        gateways=gateways.count(),
        connected=gateways.connected().count(),
        apis=found.total(),
        states={state.replace(" ", "_"): count for state, count in found.items()},
        failing=_failing(environment) if of else (),
        hour=add(steps),
        requests_before=queries.requests(environment, hour.before) if of else 0,
        chart=bars(hour, steps),
    )


def _failing(environment: Environment) -> list[FailingApi]:
    """Those with the most failed requests first."""
    found = queries.failing(environment)
    apis = ApiInstance.objects.select_related("asset").in_bulk(found)
    ordered = sorted(found, key=lambda api: (-found[api].failed, api))
    where = served(apis.values())
    return [FailingApi(apis[api], found[api], *where[api][1:]) for api in ordered if api in apis]


def _checklist(environment: Environment, overview: Overview) -> list[ChecklistItem]:
    has_policy = PolicyBinding.objects.filter(api__environment=environment).exists()
    return [
        ChecklistItem(
            "Register a gateway",
            "It runs beside your services and enforces what you set here.",
            reverse("gateway_add"),
            "Add gateway",
            overview.gateways > 0,
        ),
        ChecklistItem(
            "Put an API on it",
            "Its address, and the upstream that answers.",
            reverse("api_add"),
            "Add API",
            overview.apis > 0,
        ),
        ChecklistItem(
            "Apply a policy",
            "Authentication, rate limits, and more from the catalog.",
            reverse("apis" if overview.apis else "policies"),
            "Choose an API" if overview.apis else "See the catalog",
            has_policy,
        ),
        ChecklistItem(
            "Watch its traffic",
            "Send a request through the gateway; it is on the chart within seconds.",
            reverse("analytics"),
            "Open Analytics",
            overview.hour.requests > 0 or queries.had_traffic(environment, last(REMEMBERED)),
        ),
    ]
