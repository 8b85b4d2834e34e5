"""A copy of an API: in its environment or in another one, by a form that asks for what must differ."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from apis.addresses import host_of
from apis.changes import copies
from apis.desired import desired_of
from apis.forms.copy import CopyForm
from apis.lint.routes import warnings
from apis.models import ApiInstance
from apis.rules import copies as rules
from apis.rules.copies import Copy
from apis.views.access import api_of, may_deploy_in, messages_of
from apis.views.frame import frame
from apis.views.tls_contexts import choices
from console.forms.schema_form import Choice, Field
from console.models import Environment
from console.permissions import Permission
from console.scope import Request

NOWHERE = "You need the permission Manage APIs in the environment that the copy is for."
NOWHERE_WITH_POLICIES = (
    "You need the permissions Manage APIs and Manage policies in the environment that the copy is for: its "
    "policies come along."
)
TIERS_STAY = (
    "Its SLA tiers did not come along: that needs the permissions View contracts where it is, and Manage "
    "contracts in {}."
)


def copy(request: Request, pk: int) -> HttpResponse:
    """`?environment=` says where the copy goes; its own environment, or the first one that may be changed."""
    api = api_of(request, pk)
    has_policies = api.policies.exists()
    if has_policies:
        api = api_of(request, pk, Permission.VIEW_POLICIES)
    known = targets(request, with_policies=has_policies)
    if not known:
        raise PermissionDenied(NOWHERE_WITH_POLICIES if has_policies else NOWHERE)
    asked = request.POST.get("environment") or request.GET.get("environment", "")
    environment = _chosen(api, known, asked)
    gateways = list(environment.gateways.filter(is_revoked=False).prefetch_related("replicas"))
    form = CopyForm(api, environment, gateways)
    if request.method != "POST":
        form.propose()
        return _shown(request, form, known)
    form.read(request.POST)
    deploy = request.POST.get("go") == "deploy"
    wanted = form.copy()
    unread = form.errors
    try:
        if unread:
            raise ValidationError(unread)
        made = copies.copy_api(request.user, api, wanted, deploy=deploy)
    except ValidationError as error:
        form.errors = messages_of(error)
        return _shown(request, form, known, wanted)
    why = f", as {environment} asks for a second person or for tests that pass" if deploy else ""
    waits = f"it is not deployed yet{why}"
    told = f"it is being deployed to {made.gateway}" if made.is_deployed else waits
    messages.success(request, f"Copied {api} to {made.environment} as {made}; {told}.")
    if wanted.with_tiers and api.tiers.exists() and not copies.takes_tiers(request.user, api, wanted):
        messages.info(request, TIERS_STAY.format(environment))
    return redirect(made)


def targets(request: Request, *, with_policies: bool) -> list[Environment]:
    """Where the user may add an API, and apply policies."""
    found = Environment.objects.permitting(request.user, Permission.MANAGE_APIS)
    if with_policies:
        found &= Environment.objects.permitting(request.user, Permission.MANAGE_POLICIES)
    return list(found.select_related("organization").order_by("organization__path", "name"))


def _chosen(api: ApiInstance, known: list[Environment], asked: str) -> Environment:
    if not asked:
        return next((one for one in known if one.pk == api.environment_id), known[0])
    try:
        pk = UUID(asked)
    except ValueError:
        raise Http404(f"{asked} is no environment.") from None
    found = next((one for one in known if one.pk == pk), None)
    if found is None:
        raise Http404(f"Environment {asked} not found, or you may not change it.")
    return found


def _shown(
    request: Request, form: CopyForm, known: list[Environment], wanted: Copy | None = None
) -> HttpResponse:
    api, environment, errors = form.api, form.environment, form.errors
    wanted = wanted or form.copy()
    form.errors = errors
    context: dict[str, Any] = {
        "environment": environment,
        "targets": known,
        "environment_field": _environment_field(api, environment, known),
        "is_here": form.is_here,
        "gateways": form.gateways,
        "chosen": str(form.values.get("gateway", "")),
        "host": host_of(wanted.gateway),
        "routes": desired_of(api).routes,
        "bindings": form.bindings,
        "test_count": api.tests.count(),
        "may_keep": copies.may_edit(request.user, api),
        "may_deploy": may_deploy_in(request, environment),
        "missing_listener": form.missing_listener(),
        "warnings": {} if errors else _warnings(api, wanted),
        "errors": errors,
    }
    page = frame(request, api, "") | choices(environment) | context | form.fields()
    response = render(request, "apis/api_copy.html", page, status=422 if errors else 200)
    response["Cache-Control"] = "no-store"
    return response


def _environment_field(api: ApiInstance, chosen: Environment, known: list[Environment]) -> Field:
    def told(one: Environment) -> str:
        here = " (where it is)" if one.pk == api.environment_id else ""
        kind = ", production" if one.type == Environment.Type.PRODUCTION else ""
        return f"{one.organization} / {one}{here}{kind}"

    return Field(
        "choice",
        "environment",
        "Environment",
        "Gateways, TLS contexts and secrets are of one environment: what is asked below is what they need "
        "there.",
        choices=tuple(Choice(str(one.pk), told(one), one == chosen) for one in known),
    )


def _warnings(api: ApiInstance, wanted: Copy) -> dict[str, list[str]]:
    """What may be copied and is probably not meant, by the form's field."""
    found = warnings(rules.desired(api, wanted))
    return {name: texts for name, texts in found.items() if not name.startswith("routes.")}
