"""The lists of alerts: an environment's, and an API's."""

from django.db.models import Case, Count, F, Q, QuerySet, Value, When
from django.http import HttpResponse
from django.utils import timezone

from analytics.alerts import permission, wording
from analytics.alerts.access import api_with_alerts
from analytics.alerts.models import Alert, AlertQuerySet
from apis.views.access import environment_of, may_on
from apis.views.frame import frame
from console.listing import Select, asked, listing
from console.permissions import Permission
from console.scope import Request
from console.words import words

STATES = ("Alerting", "OK", "Pending", "Silenced", "Paused")
_RANKS = {"critical": 0, "warning": 1, "info": 2}
COLUMNS = {"name": "name", "state": "rank", "severity": "weight", "changed": "state_since"}


def index(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.VIEW_ALERTS)
    state = Select.of(request, "state", "State", [(one.lower(), one) for one in STATES])
    severity = Select.of(request, "severity", "Severity", Alert.Severity.choices)
    kind = Select.of(request, "type", "Type", Alert.Type.choices)
    about = Select.of(request, "about", "About", Alert.About.choices)
    found = _in_state(Alert.objects.filter(environment=environment), state.chosen)
    for select in (severity, kind, about):
        if select.chosen:
            found = found.filter(**{select.name: select.chosen})
    for word in words(asked(request)):
        found = found.filter(
            Q(name__icontains=word)
            | Q(tag__icontains=word)
            | Q(api__asset__name__icontains=word)
            | Q(gateway__name__icontains=word)
        )
    order = request.GET.get("sort", "state")
    shown = listing(
        request,
        "alerts",
        "alert",
        _ordered(found, order),
        searches="name, API, tag or gateway",
        selects=(state, severity),
        more=(kind, about),
        sort=order,
        every_seconds=15,
    )
    context = {
        "rows": _rows(shown.page),
        "may_manage": permission.may_manage_all(request.user, environment),
        "new_query": "",
    }
    return shown.answer(request, "analytics/alerts/alert_list.html", "analytics/alerts/_alerts.html", context)


def of_api(request: Request, pk: int) -> HttpResponse:
    """The API's own alerts, and those that are about it among others."""
    api = api_with_alerts(request, pk)
    wide = Q(about=Alert.About.ENVIRONMENT)
    for tag in api.tags:
        wide |= Q(about=Alert.About.TAG, tag__iexact=tag)
    if api.gateway_id:
        wide |= Q(about=Alert.About.GATEWAY, gateway=api.gateway_id)
    here = Alert.objects.visible_to(request.user).filter(environment=api.environment_id)
    found = here.filter(Q(api=api) | wide)
    for word in words(asked(request)):
        found = found.filter(name__icontains=word)
    order = request.GET.get("sort", "state")
    ordered = _ordered(found, order)
    shown = listing(request, "alerts", "alert", ordered, searches="name", sort=order, every_seconds=15)
    context = {
        "rows": _rows(shown.page),
        "may_manage": Permission.MANAGE_ALERTS in may_on(request, api),
        "new_query": f"?api={api.pk}",
    }
    return shown.answer(
        request,
        "analytics/alerts/api_alerts.html",
        "analytics/alerts/_api_alerts.html",
        frame(request, api, "alerts") | context,
    )


def _rows(alerts: object) -> list[dict[str, object]]:
    found = list(alerts)  # type: ignore[call-overload]
    return [{"alert": one, "sentence": wording.sentence(one), "about": wording.about(one)} for one in found]


def _in_state(alerts: AlertQuerySet, chosen: str) -> AlertQuerySet:
    silenced = Q(silenced_until__gt=timezone.now())
    match chosen:
        case "paused":
            return alerts.filter(is_enabled=False)
        case "silenced":
            return alerts.filter(silenced, is_enabled=True)
        case "alerting" | "ok" | "pending":
            return alerts.filter(is_enabled=True, state=chosen).exclude(silenced)
    return alerts


def _ordered(alerts: AlertQuerySet, order: str) -> QuerySet[Alert]:
    """What asks for a look first, the worst before the others."""
    off = Q(is_enabled=False) | Q(silenced_until__gt=timezone.now())
    rank = Case(When(off, then=2), When(state=Alert.State.ALERTING, then=0), default=1)
    weight = Case(*(When(severity=name, then=Value(at)) for name, at in _RANKS.items()), default=3)
    column = F(COLUMNS.get(order.removeprefix("-"), "rank"))
    by = column.desc() if order.startswith("-") else column.asc()
    open_ = Count("incidents", filter=Q(incidents__resolved_at=None, incidents__raised_at__isnull=False))
    rows = alerts.select_related("api__asset", "gateway").annotate(rank=rank, weight=weight, open_count=open_)
    return rows.order_by(by, "rank", "weight", "name", "pk")
