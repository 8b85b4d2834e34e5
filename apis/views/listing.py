"""The list of APIs: searched, filtered, sorted, and kept fresh while a gateway has not answered."""

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apis import traffic
from apis.models import ApiInstance
from apis.status import ApiStatus, statuses_of
from apis.views.access import api_of, environment_of

PAGE_SIZE = 25
STATES = ("Active", "Failed", "Applying", "Partly applied", "Inactive", "Not deployed", "Unregistered")
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

    @property
    def is_settled(self) -> bool:
        return self.status.state not in UNSETTLED


def index(request: HttpRequest) -> HttpResponse:
    everything = ApiInstance.objects.filter(environment=environment_of(request))
    found = _found(everything, request.GET.get("q", "").strip())
    order = request.GET.get("sort", "name")
    state = request.GET.get("status", "")
    if state == "Deprecated":
        found = found.filter(is_deprecated=True)
    page = Paginator(_ordered(found, order, state), PAGE_SIZE).get_page(request.GET.get("page"))
    page.object_list = _rows([one.api if isinstance(one, Row) else one for one in page.object_list])
    context = {
        "page": page,
        "states": [*STATES, "Deprecated"],
        "sort": order,
        "chosen": state,
        "query": request.GET.get("q", ""),
        "is_filtered": bool(request.GET.get("q", "").strip() or state),
    }
    return render(request, "apis/api_list.html", context)


def row(request: HttpRequest, pk: int) -> HttpResponse:
    """One row again, for the list that waits for a gateway's answer."""
    return render(request, "apis/_api_row.html", {"row": _rows([api_of(request, pk)])[0]})


def _found(apis: QuerySet[ApiInstance], text: str) -> QuerySet[ApiInstance]:
    """Name, version, label or instance id contain the text; every word must be found."""
    for word in text.split():
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


def _ordered(apis: QuerySet[ApiInstance], order: str, state: str) -> Any:
    """A queryset where the database can sort and filter; rows where the status or the traffic decides."""
    name = order.removeprefix("-")
    column = COLUMNS.get(name, "asset__name")
    apis = apis.order_by(f"-{column}" if order.startswith("-") else column, "pk")
    if state not in STATES and name not in {"status", "requests", "errors"}:
        return apis
    rows = [one for one in _rows(list(apis)) if state not in STATES or one.status.state == state]
    if name in {"status", "requests", "errors"}:
        rows.sort(key=lambda one: _measure(one, name), reverse=order.startswith("-"))
    return rows


def _measure(one: Row, name: str) -> Any:
    if name == "status":
        return STATES.index(one.status.state)
    if one.traffic is None:
        return -1
    return one.traffic.requests if name == "requests" else one.traffic.error_rate or 0


def _rows(apis: list[ApiInstance]) -> list[Row]:
    """Two queries for the statuses and one for the traffic, however many APIs there are."""
    statuses = statuses_of(apis)
    figures = traffic.last_day(api.pk for api in apis)
    return [Row(api, statuses[api.pk], figures.get(api.pk)) for api in apis]
