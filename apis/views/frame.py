"""What every page of one API shows around its own: heading, status, actions and tabs."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, prefetch_related_objects
from django.urls import NoReverseMatch

from apis import alerting, traffic
from apis.addresses import consumer_address, upstreams
from apis.changes import undo
from apis.contracts.models import Contract
from apis.deployment import pending, trouble
from apis.deployment.status import ApiStatus, ReplicaStatus, run_of
from apis.failing import Failing
from apis.models import ApiInstance
from apis.promotions import permission
from apis.views.access import may_on
from console.grants import May
from console.links import link
from console.permissions import Permission
from console.scope import Request
from gateways.models import Gateway

TABS = (
    ("overview", "Overview", "api"),
    ("policies", "Policies", "api_policies"),
    ("routes", "Routes", "api_routes"),
    ("contracts", "Contracts", "api_contracts"),
    ("tiers", "SLA tiers", "api_tiers"),
    ("tests", "Tests", "api_tests"),
    ("document", "OpenAPI", "api_document"),
    ("analytics", "Analytics", "api_analytics"),
    ("alerts", "Alerts", "api_alerts"),
    ("deployments", "Deployments", "api_deployments"),
    ("history", "History", "api_history"),
    ("settings", "Settings", "api_settings"),
)

SEEN_BY = {
    "policies": "view_policies",
    "contracts": "view_contracts",
    "tiers": "view_contracts",
    "analytics": "view_traffic",
    "alerts": "view_alerts",
}
"""The permission that a tab's page asks for, where View APIs is not enough."""
CHANGED_BY = {"policies": "manage_policies", "contracts": "manage_contracts", "alerts": "manage_alerts"}
"""The permission for what a tab shows, where that is not Manage APIs."""


@dataclass(frozen=True)
class Run:
    """Where an API stands on its gateway."""

    status: ApiStatus
    replicas: list[ReplicaStatus]
    failing: Failing | None = None

    @property
    def where(self) -> str:
        """On which replicas the wanted version is in force, and what serves on the others meanwhile."""
        applied = sum(one.state == "applied" for one in self.replicas)
        others = [one for one in self.replicas if one.state != "applied"]
        before = sum(one.running_generation is not None for one in others)
        count = len(self.replicas)
        if applied:
            return f"in force on {applied} of {count} replica{'' if count == 1 else 's'}"
        if count and before == count:
            return "the version before goes on serving"
        return f"the version before goes on serving on {before} of {count} replicas" if before else ""

    @property
    def ask_seconds(self) -> int:
        """How soon a page asks again: at once for an answer that is awaited, later for what may change
        by itself, as when a port becomes free or a gateway goes away; never (0) while it is not deployed.
        """
        if self.status.state in ("Not deployed", "Unregistered"):
            return 0
        if any(one.state == "waiting" for one in self.replicas):
            return 1
        return 15 if self.status.state == "Active" and not self.failing else 5


@dataclass(frozen=True)
class Tab:
    """`waits` is how many of what it shows wait for a decision."""

    title: str
    href: str
    is_current: bool
    waits: int = 0


def run(api: ApiInstance) -> Run:
    """Read at once, so that what is said of the API and of its replicas agrees."""
    return Run(*run_of(api), traffic.failing([api.pk]).get(api.pk))


def frame(request: Request, api: ApiInstance, tab: str) -> dict[str, Any]:
    """`tab` is the one that is shown."""
    if api.gateway:
        prefetch_related_objects([api.gateway], "replicas")
    to, now = upstreams([api])[api.pk], run(api)
    return {
        "api": api,
        "run": now,
        "trouble": trouble.of(api, now.replicas),
        "alerting": alerting.of(api, request.user) if may_on(request, api)["view_alerts"] else [],
        "waiting": pending.waiting(api),
        "is_discarded": undo.has_pending(request.session, api),
        "tabs": _tabs(api, tab, may_on(request, api)),
        "may": may_on(request, api),
        "leads": _leads(request, api),
        "can_edit": may_on(request, api)[CHANGED_BY.get(tab, "manage_apis")],
        "address": consumer_address(api),
        "is_gateway_down": bool(api.gateway and api.gateway.status == Gateway.Status.DISCONNECTED),
        "upstream": to[0] if to else "",
        "upstream_count": len(to),
    }


def _leads(request: Request, api: ApiInstance) -> dict[str, bool]:
    """Whether the API may be brought elsewhere by the user, as its menu offers."""
    held = request.scope.held
    with_policies = may_on(request, api)["view_policies"] and held.somewhere(*permission.NEEDED)
    is_bare = not with_policies and held.somewhere(Permission.MANAGE_APIS) and not api.policies.exists()
    return {"copy": with_policies or is_bare, "promote": with_policies}


def waiting_contracts(api: ApiInstance) -> int:
    """Those that ask for access, and for another tier."""
    wants = Q(status=Contract.Status.APPROVED, requested_tier__isnull=False)
    return api.contracts.filter(Q(status=Contract.Status.PENDING) | wants).count()


def _tabs(api: ApiInstance, current: str, may: May) -> list[Tab]:
    found = []
    for name, title, url in TABS:
        if not may[SEEN_BY.get(name, "view_apis")]:
            continue
        try:
            waits = waiting_contracts(api) if name == "contracts" else 0
            found.append(Tab(title, link(url, [api.pk]), name == current, waits))
        except NoReverseMatch:
            continue
    return found
