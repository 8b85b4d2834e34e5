"""The private CA of the environment: made, downloaded, issued from, replaced by another."""

import re
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST
from pydantic import BaseModel, Field

from apis.changes import authorities as change
from apis.secret_groups.authority import Authority, Issued
from apis.secret_groups.models import Secret, default_group
from apis.secret_groups.permission import may_manage
from apis.views.access import environment_of, messages_of
from console.forms import schema_data, schema_form
from console.listing import asked, listing
from console.models import Environment
from console.permissions import Permission
from console.scope import Request

STEPS = {"prepare": change.prepare, "switch": change.switch, "end": change.end}
DONE = {
    "prepare": "The next one is trusted here. Give its certificate to upstreams, too, then go on.",
    "switch": "The next one issues now, and the keystores are renewed.",
    "end": "The previous one is trusted no more.",
}


class IssueForm(BaseModel):
    purpose: str = Field(
        "keystore",
        title="For",
        json_schema_extra={
            "enum": ["keystore", "download"],
            "abouts": {
                "keystore": "Kept as a keystore for TLS contexts, and renewed by itself",
                "download": "Downloaded once with its key, for an upstream; kept by nobody here",
            },
            "labels": {"keystore": "A gateway", "download": "An upstream"},
        },
    )
    name: str = Field(
        "",
        title="Name of the keystore",
        max_length=120,
        json_schema_extra={"needed": True, "when": {"purpose": ["keystore"]}},
    )
    common: str = Field(
        "",
        title="Whom it is for",
        description="The common name, such as gateway-eu.",
        max_length=64,
        json_schema_extra={"needed": True},
    )
    names: list[str] = Field(
        [],
        title="Hosts and addresses",
        description="What callers call it by; who only calls needs none.",
    )
    days: int = Field(
        Issued.DAYS,
        title="Life",
        ge=1,
        le=Issued.MOST_DAYS,
        description="A short life is how it is revoked: what is not renewed ends by itself.",
        json_schema_extra={"unit": "days"},
    )


SCHEMA = IssueForm.model_json_schema()


def index(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.VIEW_SECRETS)
    found = Issued.objects.filter(authority__environment=environment, name__icontains=asked(request))
    found = found.select_related("authority", "keystore").defer("keystore__content", "authority__key")
    shown = listing(request, "issued", "certificate", found, searches="name")
    known = {one.state: one for one in change.trusted(environment)}
    truststore = Secret.objects.filter(group=environment.pk, name=change.TRUSTSTORE, kind="truststore")
    context = {
        "authorities": list(known.values()),
        "current": known.get(Authority.State.CURRENT),
        "step": _step(set(known)),
        "still": _still(known.get(Authority.State.PREVIOUS)),
        "truststore": truststore.without_content().first(),
        "manages": may_manage(request.user, environment),
    }
    return shown.answer(request, "apis/private_ca.html", "apis/_issued.html", context)


def certificate(request: Request) -> HttpResponse:
    """Of those that are trusted, as PEM."""
    found = change.trusted(environment_of(request, Permission.VIEW_SECRETS))
    if not found:
        raise Http404("There is no private CA yet.")
    return _file("private-ca.pem", "".join(one.certificate for one in found), "application/x-pem-file")


@require_POST
def begin(request: Request) -> HttpResponse:
    environment = _managed(request)
    try:
        change.begin(request.user, environment)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"Made the private CA of {environment}.")
    return redirect("private_ca")


@require_POST
def replace(request: Request) -> HttpResponse:
    """The next step of replacing it by another."""
    environment, step = _managed(request), request.POST.get("step", "")
    if step not in STEPS:
        raise Http404(f'"{step}" is no step.')
    try:
        STEPS[step](request.user, environment)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, DONE[step])
    return redirect("private_ca")


def issue(request: Request) -> HttpResponse:
    environment = _managed(request)
    values, errors = schema_data.read(SCHEMA, request.POST, prefix=""), {}
    if request.method != "POST":
        values = {"purpose": request.GET.get("purpose", "keystore")}
    else:
        try:
            return _issued(request, environment, values)
        except ValidationError as error:
            errors = messages_of(error)
    page: dict[str, Any] = {
        "fields": schema_form.fields(SCHEMA, values, errors, prefix=""),
        "errors": errors,
        "general": errors.get("", []),
    }
    return render(request, "apis/private_ca_issue.html", page, status=422 if errors else 200)


def _issued(request: Request, environment: Environment, values: dict[str, Any]) -> HttpResponse:
    common, names, days = values.get("common", ""), values.get("names", []), values.get("days", Issued.DAYS)
    if not isinstance(days, int):
        raise ValidationError({"days": ["Write a number of days."]})
    if values.get("purpose") == "download":
        pair = change.issue_once(request.user, environment, common, names, days)
        safe = re.sub(r"[^\w.-]+", "-", common)
        return _file(f"{safe}.pem", "".join(pair), "application/x-pem-file")
    group = default_group(environment)
    group.environment = environment
    made = change.issue_keystore(request.user, group, values.get("name", ""), common, names, days=days)
    messages.success(request, f"Made keystore {made}. Choose it in a TLS context; it is renewed by itself.")
    return redirect(made)


def _step(states: set[str]) -> str:
    """Which comes next in replacing it."""
    state = Authority.State
    return "end" if state.PREVIOUS in states else "switch" if state.NEXT in states else "prepare"


def _still(previous: Authority | None) -> int:
    """How many live certificates end with the previous one."""
    return previous.issued.filter(expires_at__gt=timezone.now()).count() if previous else 0


def _managed(request: Request) -> Environment:
    environment: Environment = environment_of(request, Permission.MANAGE_SECRETS)
    return environment


def _file(name: str, text: str, kind: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(text, content_type=kind, headers=headers)
