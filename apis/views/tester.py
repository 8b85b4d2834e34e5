"""Test a request: on one API, or on all APIs of a gateway, as saved or as deployed."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from apis import traffic
from apis.forms import trying
from apis.forms.trying import TryInput
from apis.testing import jobs, whole
from apis.views.access import api_to_change
from apis.views.frame import frame
from apis.views.tried import Tried, words
from console.permissions import Permission
from console.scope import Request, must
from gateways.models import Gateway
from gateways.views.access import gateway_to_change
from gateways.views.detail import frame as gateway_frame

NOT_DEPLOYED = "Nothing is deployed: try it on what is saved."
TOO_MANY = f"The gateway has more than {whole.MOST_APIS} APIs; test a request on one of them."


def of_api(request: Request, pk: int) -> HttpResponse:
    """`?method=GET&target=/orders` begins with a request; a curl command is sent to be taken over."""
    api = api_to_change(request, pk)
    asked = _begun(request, {"target": api.base_path})
    page = frame(request, api, "tests") | _form(asked, reverse("api_try_run", args=[api.pk]))
    page |= {"recent": traffic.recent(api.pk), "prepare_url": reverse("api_rehearsal_prepare", args=[api.pk])}
    page["has_deployed"] = api.is_deployed
    return _page(request, "apis/api_try.html", page, asked)


def of_gateway(request: Request, pk: UUID) -> HttpResponse:
    gateway = _gateway(request, pk)
    asked = _begun(request, {"target": "/"})
    page = gateway_frame(gateway, "apis") | _form(asked, reverse("gateway_try_run", args=[gateway.pk]))
    return _page(request, "gateways/gateway_try.html", page | {"has_deployed": True}, asked)


@require_POST
def run_on_api(request: Request, pk: int) -> HttpResponse:
    api = api_to_change(request, pk)
    on = Tried(request, api.pk, "api_rehearsal", (api.pk,))
    asked = trying.read_tester(request.POST)
    if asked.errors or asked.request is None:
        return on.refuse(words(asked.errors))
    try:
        found = whole.running(api) if asked.on == "deployed" else whole.documents(api)
    except whole.NotDeployed:
        return on.fail(NOT_DEPLOYED)
    asked.request = asked.request.model_copy(update={"port": api.port})
    shown = {**_shown(asked), "can_keep": asked.on == "saved"}
    shown["link"] = _link(reverse("api_try", args=[api.pk]), asked)
    return on.ask("rehearse", lines(found, asked), shown)


@require_POST
def run_on_gateway(request: Request, pk: UUID) -> HttpResponse:
    gateway = _gateway(request, pk)
    on = _on(request, gateway)
    asked = trying.read_tester(request.POST)
    if asked.errors or asked.request is None:
        return on.refuse(words(asked.errors))
    try:
        found = whole.of_gateway(gateway, is_saved=asked.on != "deployed")
    except whole.TooManyApis:
        return on.fail(TOO_MANY)
    shown = _shown(asked) | {"link": _link(reverse("gateway_try", args=[gateway.pk]), asked)}
    return on.ask("rehearse", lines(found, asked), shown)


def state_on_gateway(request: Request, pk: UUID, job: str) -> HttpResponse:
    """How far a rehearsal of the user's own is."""
    return _on(request, _gateway(request, pk)).state(job)


def _on(request: Request, gateway: Gateway) -> Tried:
    kept = {"gateway": str(gateway.pk)}
    return Tried(request, 0, "gateway_rehearsal", (gateway.pk,), kept)


def _gateway(request: Request, pk: UUID) -> Gateway:
    """Whoever tries a request on it is told of all its APIs."""
    gateway = gateway_to_change(request, pk)
    must(request, Permission.VIEW_POLICIES)
    return gateway


def lines(found: list[Any], asked: TryInput) -> list[dict[str, Any]]:
    """What the rehearsal's process is told."""
    assert asked.request is not None
    answers = [one.model_dump(mode="json", by_alias=True) for one in asked.answers]
    return [{"resources": found, "answers": answers}, jobs.line_of(asked.request, foresees=True)]


def _shown(asked: TryInput) -> dict[str, Any]:
    """What a test that is kept begins with, and the page."""
    assert asked.request is not None
    plain = asked.request.model_dump(mode="json", by_alias=True, exclude={"key", "certificate", "port"})
    answers = [one.model_dump(mode="json", by_alias=True, exclude_defaults=True) for one in asked.answers]
    return {"request": plain, "answers": answers, "on": asked.on}


def _begun(request: Request, first: dict[str, Any]) -> TryInput:
    """What the form begins with. Nothing that may be a credential stands in an address."""
    if request.method == "POST":
        return trying.read_curl(request.POST)
    names = {"method": "method", "target": "target", "from": "caller", "on": "on"}
    given = {to: request.GET[name][:8192] for name, to in names.items() if request.GET.get(name)}
    agent = request.GET.get("agent", "")[:1024]
    return TryInput({**first, **given, **({"headers": [f"User-Agent: {agent}"]} if agent else {})})


def _form(asked: TryInput, run_url: str) -> dict[str, Any]:
    return {"try_fields": trying.tester_fields(asked), "run_url": run_url, "errors": asked.errors}


def _page(request: Request, template: str, page: dict[str, Any], asked: TryInput) -> HttpResponse:
    response = render(request, template, page, status=422 if asked.errors else 200)
    response["Cache-Control"] = "no-store"
    return response


def _link(page: str, asked: TryInput) -> str:
    """The page with this request: without its query, headers and body, which may hold credentials."""
    assert asked.request is not None
    plain = {"method": asked.request.method, "target": asked.request.target.partition("?")[0], "on": asked.on}
    if asked.request.caller != "127.0.0.1":
        plain["from"] = asked.request.caller
    return f"{page}?{urlencode(plain)}"
