"""The list of APIs: searched, filtered, sorted, and kept fresh while a gateway has not answered."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis import traffic
from apis.addresses import served, upstreams
from apis.deployment.pending import pending_of
from apis.deployment.status import ApiStatus, statuses_of
from apis.failing import Failing
from apis.lists import choices, columns, pins, saving, search
from apis.lists.search import Search
from apis.models import ApiInstance
from apis.owners.models import put_owners
from apis.views.access import api_of, environment_of
from console.listing import Select, listing
from console.models import Environment, User
from console.scope import Request

UNSETTLED = ("Applying", "Partly applied", "Failed")
LOOKED_AT = "name, path, port, upstream, tag or id"
WAITING = (("yes", "Pending"), ("no", "Nothing pending"))
DEPRECATION = (("yes", "Deprecated"), ("no", "Not deprecated"))
PINNED = (("yes", "Pinned by you"), ("no", "Not pinned"))
CHANGING = ("manage_apis", "deploy_apis", "manage_policies")
"""Who has one of these chooses APIs, to change many at once."""
MOST_VIEWS = 100
"""In the menu, one's own first; the others stand on a page of their own."""
MOST_SHOWN = 3
"""Tags, owners or upstreams of a row; the others are counted."""


@dataclass(frozen=True)
class ListedApi:
    """One API of the list with what is known of it."""

    api: ApiInstance
    status: ApiStatus
    traffic: traffic.Traffic | None
    failing: Failing | None = None
    is_pending: bool = False
    applications: int = 0
    is_pinned: bool = False
    port: int = 0
    base_path: str = ""
    upstreams: list[str] = field(default_factory=list)
    """Where it listens and sends requests now, whatever is pending."""

    @property
    def key(self) -> str:
        """The API's id, as a page has it: numbers go by way of the language's formats."""
        return str(self.api.pk)

    @property
    def address(self) -> str:
        return f":{self.port}{self.base_path}"

    @property
    def is_settled(self) -> bool:
        return self.status.state not in UNSETTLED and not self.failing


def index(request: Request) -> HttpResponse:
    environment = environment_of(request)
    asked = Search.of(request.GET)
    shown = listing(
        request,
        "apis",
        "API",
        search.found(environment, asked, request.scope.held, request.user),
        searches=LOOKED_AT,
        selects=_selects(request, environment, asked),
        more=_more(asked),
        sort=asked.sort or "name",
        kept=(("view", request.GET["view"]),) if "view" in request.GET else (),
    )
    names = columns.of(request.user)
    context = _shown(request, names) | {"rows": rows(request.user, search.whole(shown.page), names)}
    saved = saving.views_of(request.user, environment)
    views = list(saved[:MOST_VIEWS])
    view = next((one for one in views if str(one.pk) == request.GET.get("view")), None)
    context |= {"columns": columns.COLUMNS, "asked": asked, "views": views, "view": view}
    return shown.answer(request, "apis/api_list.html", "apis/_apis.html", context)


def row(request: Request, pk: int) -> HttpResponse:
    """One row again, for the list that waits for a gateway's answer."""
    names = columns.of(request.user)
    context = _shown(request, names) | {"row": rows(request.user, [api_of(request, pk)], names)[0]}
    return render(request, "apis/_api_row.html", context)


@require_POST
def pin(request: Request, pk: int) -> HttpResponse:
    """The row again, as the list has it, or the list where there is no script."""
    api = api_of(request, pk)
    if request.POST.get("pinned") == "false":
        pins.unpin(request.user, api)
    else:
        pins.pin(request.user, api)
    return row(request, pk) if request.htmx else redirect("apis")


@require_POST
def choose_columns(request: Request) -> HttpResponse:
    """Then the list again, as it was asked for."""
    if "usual" in request.POST:
        columns.forget(request.user)
    else:
        columns.choose(request.user, request.POST.getlist("columns"))
    return redirect(f"{reverse('apis')}?{Search.of(request.POST).query}")


def rows(user: User, apis: Iterable[ApiInstance], names: set[str]) -> list[ListedApi]:
    """As many queries for one API as for all; what no column shows is not asked for."""
    apis = list(apis)
    if not apis:
        return []
    if "owners" in names:
        put_owners(apis)
    to = upstreams(apis) if "upstream" in names else {}
    statuses = statuses_of(apis)
    is_counted = not names.isdisjoint({"requests", "errors"})
    figures = traffic.by_hour(statuses) if is_counted else {}
    failing, waiting = traffic.failing(statuses), pending_of(apis)
    where = served(apis)
    pinned = pins.pinned_of(user, statuses)
    callers = search.applications_of(statuses) if search.APPLICATIONS in names else {}
    return [
        ListedApi(
            api,
            statuses[api.pk],
            figures.get(api.pk),
            failing.get(api.pk),
            api.pk in waiting,
            callers.get(api.pk, 0),
            api.pk in pinned,
            *where[api.pk][1:],
            to.get(api.pk, []),
        )
        for api in apis
    ]


def _shown(request: Request, names: set[str]) -> dict[str, Any]:
    can_choose = any(request.scope.may[name] for name in CHANGING)
    has = {one.name: one.name in names for one in columns.COLUMNS}
    return {"shown": names, "has": has, "can_choose": can_choose, "most_shown": MOST_SHOWN}


def _selects(request: Request, environment: Environment, asked: Search) -> tuple[Select, ...]:
    """The choices are beside the list, and not asked for where it is swapped alone. What is in use in all of
    the environment, who sees single APIs of it is not told.
    """
    if request.htmx.target == "apis":
        chosen = (asked.status, asked.gateway, asked.tag, asked.owner)
        return tuple(Select("", "", (), one) for one in chosen)
    if not request.scope.may["view_apis"]:
        return (_select("status", asked.status, [*search.STATES, search.FAILING]),)
    gateways = [*choices.gateways(environment), (search.NO_GATEWAY, "None")]
    return (
        _select("status", asked.status, [*search.STATES, search.FAILING]),
        Select("gateway", "Gateway", _with(asked.gateway, gateways), asked.gateway),
        _select("tag", asked.tag, choices.tags(environment)),
        _select("owner", asked.owner, choices.owners(environment)),
    )


def _more(asked: Search) -> tuple[Select, ...]:
    """Those that few need."""
    return (
        Select("protocol", "Protocol", ApiInstance.Protocol.choices, asked.protocol),
        Select("pending", "Changes", WAITING, asked.pending),
        Select("deprecated", "Deprecation", DEPRECATION, asked.deprecated),
        Select("pinned", "Pinned", PINNED, asked.pinned),
    )


def _select(name: str, chosen: str, values: Iterable[str]) -> Select:
    return Select(name, name.capitalize(), _with(chosen, [(one, one) for one in values]), chosen)


def _with(chosen: str, options: choices.Choices) -> choices.Choices:
    """What the address asks for can be seen, whether it is in use or not."""
    is_known = not chosen or any(value == chosen for value, _ in options)
    return options if is_known else [*options, (chosen, chosen)]
