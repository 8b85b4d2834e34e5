"""The list of APIs: searched, filtered, sorted, and kept fresh while a gateway has not answered."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render

from apis import traffic
from apis.deployment import status_counts
from apis.deployment.status import ApiStatus, statuses_of
from apis.failing import Failing
from apis.models import ApiInstance
from apis.views.access import api_of, environment_of
from console.listing import Select, asked, listing
from console.models import Environment
from console.scope import Request
from console.words import words

STATES = ("Active", "Failed", "Applying", "Partly applied", "Inactive", "Not deployed", "Unregistered")
FAILING = "Upstream failing"
DEPRECATED = "Deprecated"
UNSETTLED = ("Applying", "Partly applied", "Failed")
COLUMNS = {
    "name": "asset__name",
    "label": "label",
    "version": "asset__api_version",
    "id": "pk",
    "gateway": "gateway__name",
    "created": "created_at",
}


@dataclass(frozen=True)
class Row:
    """One API of the list with what is known of it."""

    api: ApiInstance
    status: ApiStatus
    traffic: traffic.Traffic | None
    failing: Failing | None = None

    @property
    def is_settled(self) -> bool:
        return self.status.state not in UNSETTLED and not self.failing


def index(request: Request) -> HttpResponse:
    environment = environment_of(request)
    state = Select.of(request, "status", "Status", [(one, one) for one in (*STATES, FAILING, DEPRECATED)])
    found = _found(ApiInstance.objects.filter(environment=environment), asked(request))
    order = request.GET.get("sort", "name")
    if state.chosen == DEPRECATED:
        found = found.filter(is_deprecated=True)
    elif state.chosen == FAILING:
        found = found.filter(pk__in=traffic.failing_in(environment))
    ordered = _ordered(environment, found, order, state.chosen)
    looked = "name, version or label"
    shown = listing(request, "apis", "API", ordered, searches=looked, selects=(state,), sort=order)
    rows = _rows(_whole(list(shown.page), found))
    return shown.answer(request, "apis/api_list.html", "apis/_apis.html", {"rows": rows})


def row(request: Request, pk: int) -> HttpResponse:
    """One row again, for the list that waits for a gateway's answer."""
    return render(request, "apis/_api_row.html", {"row": _rows([api_of(request, pk)])[0]})


def _found(apis: QuerySet[ApiInstance], text: str) -> QuerySet[ApiInstance]:
    """Name, version, label or instance id contain the text; every word must be found."""
    for word in words(text):
        number = Q(pk=int(word)) if word.isdecimal() and len(word) < 10 else Q()
        apis = apis.filter(
            number
            | Q(asset__name__icontains=word)
            | Q(asset__api_version__icontains=word)
            | Q(asset__version__icontains=word)
            | Q(label__icontains=word)
            | Q(base_path__icontains=word)
        )
    return apis.select_related("asset", "gateway")


def _ordered(
    environment: Environment, apis: QuerySet[ApiInstance], order: str, state: str
) -> QuerySet[ApiInstance] | list[int]:
    """A queryset where the database can sort and filter; ids where the status or the traffic decides."""
    name, is_falling = order.removeprefix("-"), order.startswith("-")
    column = COLUMNS.get(name, "asset__name")
    apis = apis.order_by(f"-{column}" if is_falling else column, "pk")
    if state not in STATES and name not in {"status", "requests", "errors"}:
        return apis
    ids = list(apis.values_list("pk", flat=True))
    if state in STATES or name == "status":
        known = status_counts.by_api(environment)
        ids = [pk for pk in ids if pk in known and (state not in STATES or known[pk] == state)]
    if name == "status":
        ids.sort(key=lambda pk: STATES.index(known[pk]), reverse=is_falling)
    elif name in {"requests", "errors"}:
        figures = traffic.last_day(ids)
        ids.sort(key=lambda pk: _measure(figures.get(pk), name), reverse=is_falling)
    return ids


def _measure(figures: traffic.Traffic | None, name: str) -> float:
    if figures is None:
        return -1
    return figures.requests if name == "requests" else figures.error_rate or 0


def _whole(some: Sequence[ApiInstance | int], apis: QuerySet[ApiInstance]) -> list[ApiInstance]:
    """The APIs of a page, of which there may be ids alone."""
    found = apis.in_bulk([one for one in some if isinstance(one, int)])
    return [found[one] if isinstance(one, int) else one for one in some]


def _rows(apis: list[ApiInstance]) -> list[Row]:
    """As many queries for one API as for all."""
    statuses = statuses_of(apis)
    figures, failing = traffic.last_day(statuses), traffic.failing(statuses)
    return [Row(api, statuses[api.pk], figures.get(api.pk), failing.get(api.pk)) for api in apis]
