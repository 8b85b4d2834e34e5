"""TLS contexts: the list, one with the APIs that serve with it, and the form, as a page or as a dialog."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from apis.addresses import UNKNOWN, host_of
from apis.changes import tls_contexts as change
from apis.changes import versions
from apis.changes.tls_contexts import DesiredTlsContext
from apis.forms.tls_context import TlsContextForm, differences, initial, with_files
from apis.models import ApiInstance, TlsContext, Upstream
from apis.views.access import (
    environment_of,
    messages_of,
    tls_context_of,
    tls_context_to_change,
)
from apis.views.conflict import Conflict, of_rows
from console import audit
from console.listing import asked, listing
from console.models import Environment
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

HISTORY_SHOWN = 20


def choices(environment: Environment) -> dict[str, list[TlsContext]]:
    """Those that an API's form offers, to serve with and to reach upstreams with."""
    found = list(environment.tls_contexts.all())
    return {
        "listener_contexts": [one for one in found if one.certificate],
        "upstream_contexts": [one for one in found if one.is_trusting],
    }


def index(request: Request) -> HttpResponse:
    found = environment_of(request, Permission.VIEW_SECRETS).tls_contexts.filter(
        name__icontains=asked(request)
    )
    found = found.prefetch_related("api_instances", "upstreams")
    shown = listing(request, "tls-contexts", "TLS context", found, searches="name")
    return shown.answer(request, "apis/tls_context_list.html", "apis/_tls_contexts.html", {})


def detail(request: Request, pk: UUID) -> HttpResponse:
    context = tls_context_of(request, pk)
    reached = Upstream.objects.filter(tls_context=context, api=OuterRef("pk"))
    using = ApiInstance.objects.with_tls(context).annotate(has_upstream_with_it=Exists(reached))
    page = {
        "context": context,
        "apis": list(using.select_related("asset", "gateway")),
        "entries": audit.history(context)[:HISTORY_SHOWN],
    }
    return render(request, "apis/tls_context_detail.html", page)


def add(request: Request) -> HttpResponse:
    """A page of its own, or, for htmx, a dialog over an API's form, which then has the new one chosen."""
    environment = environment_of(request, Permission.MANAGE_SECRETS)
    if request.method != "POST":
        source = "none" if request.GET.get("purpose") == "upstream" else "own"
        shown = {"hosts": _hosts(environment), "source": source}
        return _form(request, TlsContextForm(initial=shown, environment=environment, serves=_serves(request)))
    form = _read(request, environment)
    made = _saved(form, lambda desired: change.create_tls_context(request.user, environment, desired))
    if made is None:
        return _form(request, form)
    if request.htmx:
        return _chosen(made, request.POST.get("field", ""))
    messages.success(request, f"Saved TLS context {made}.")
    return redirect(_back(request) or made)


def edit(request: Request, pk: UUID) -> HttpResponse:
    context = tls_context_to_change(request, pk)
    if request.method != "POST":
        shown = TlsContextForm(initial=initial(context), environment=context.environment, is_new=False)
        return _form(request, shown, context)
    form, seen = _read(request, context.environment, is_new=False), request.POST.get("seen", "")
    try:
        saved = _saved(
            form, lambda desired: change.edit_tls_context(request.user, context, desired, seen=seen)
        )
    except Changed:
        return _form(request, form, context, of_rows(context, differences(form, context)))
    if saved is None:
        context.refresh_from_db()
        return _form(request, form, context)
    count = ApiInstance.objects.with_tls(context).deployed().count()
    served = f"; it is taken into force for {count} API{'' if count == 1 else 's'}" if count else ""
    messages.success(request, f"Saved TLS context {context}{served}.")
    return redirect(context)


@require_POST
def delete(request: Request, pk: UUID) -> HttpResponse:
    context = tls_context_to_change(request, pk)
    try:
        change.delete_tls_context(request.user, context)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(context)
    messages.success(request, f"Deleted TLS context {context}.")
    return redirect("tls_contexts")


def _read(request: Request, environment: Environment, *, is_new: bool = True) -> TlsContextForm:
    data, refused = with_files(request.POST, request.FILES)
    form = TlsContextForm(data, environment=environment, is_new=is_new, serves=_serves(request))
    form.full_clean()
    for field, reason in refused.items():
        form.add_error(field, reason)
    return form


def _saved(form: TlsContextForm, save: Callable[[DesiredTlsContext], TlsContext]) -> TlsContext | None:
    """None when the form, or a rule, refuses it: the form tells why, at the field that is to be mended."""
    if not form.is_valid():
        return None
    try:
        return save(form.desired())
    except ValidationError as error:
        shown = {"alpn": "http2", "group": ""}
        if form.cleaned_data["source"] == "self-signed":
            shown |= {"certificate": "hosts", "key": "hosts"}
        if form.cleaned_data["source"] == "none":
            shown |= {"certificate": "source", "key": "source"}
        for field, texts in messages_of(error).items():
            form.add_error(shown.get(field, field) or None, texts)
        return None


def _chosen(context: TlsContext, field: str) -> HttpResponse:
    """Nothing to show: the dialog ends, and the field has the new one to choose, chosen."""
    answer = HttpResponse()
    trigger_client_event(answer, "close-dialog", {})
    chosen = {"field": field, "value": str(context.pk), "text": f"{context}"}
    return trigger_client_event(answer, "choose", chosen)


def _form(
    request: Request, form: TlsContextForm, context: TlsContext | None = None, late: Conflict | None = None
) -> HttpResponse:
    template = "apis/_tls_context_dialog.html" if request.htmx else "apis/tls_context_form.html"
    page: dict[str, Any] = {"form": form, "context": context, "next": _back(request), "conflict": late}
    page |= {name: request.POST.get(name) or request.GET.get(name) or "" for name in ("field", "purpose")}
    if context:
        page["seen"] = (not late and request.POST.get("seen")) or versions.of_tls_context(context)
    return render(request, template, page, status=409 if late else 422 if form.errors else 200)


def _serves(request: Request) -> bool:
    """Whether it is made for an API's own port."""
    return (request.POST.get("purpose") or request.GET.get("purpose")) == "listener"


def _back(request: Request) -> str:
    """Where the person came from, when that is a page of ours."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if url_has_allowed_host_and_scheme(wanted, None) and wanted.startswith("/") else ""


def _hosts(environment: Environment) -> str:
    """Where the environment's gateways are, as far as it is known: what a certificate to try with is for."""
    found = {host_of(one) for one in environment.gateways.prefetch_related("replicas")} - {UNKNOWN}
    return " ".join([*sorted(found | {"localhost"}), "127.0.0.1"])
