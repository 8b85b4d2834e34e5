"""Several copies of an API in its environment: the table, how far they are, what became of them."""

from typing import Any

import redis
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apis.changes.copies import MOST_COPIES, CopiesRefused
from apis.copying import jobs
from apis.copying.jobs import CopyJob, WantedCopy
from apis.forms.copies import PASTE, CopiesForm
from apis.forms.wizard import gateway_errors
from apis.models import ApiInstance
from apis.views.access import api_to_change, messages_of
from apis.views.frame import frame
from console.forms import rows
from console.forms.schema_form import Field
from console.permissions import Permission
from console.scope import Request, must
from gateways import lookup


def index(request: Request, pk: int) -> HttpResponse:
    """`?job=` names what was asked for last: its progress, or the table with what is wrong in it."""
    api = api_to_change(request, pk)
    must(request, Permission.MANAGE_APIS)  # in all of the environment: a role for this API adds no others
    if Permission.MANAGE_POLICIES not in request.scope.may and api.policies.exists():
        must(request, Permission.MANAGE_POLICIES)
    form = CopiesForm(api)
    if request.method == "POST":
        return _posted(request, form)
    job = _job(request, api)
    if job is None:
        return _shown(request, form)
    form.show(job.rows, job.gateway)
    form.refuse(job.faults)
    if job.fault:
        form.errors[""] = [job.fault]
    return _shown(request, form, job)


def _posted(request: Request, form: CopiesForm) -> HttpResponse:
    data = rows.changed(request.POST) if rows.wanted(request.POST) else request.POST
    form.read(data)
    if request.POST.get("rows") == PASTE:
        form.paste()
    if rows.wanted(request.POST):
        return _shown(request, form, status=200)
    wanted = form.wanted()
    form.errors |= _gateway_faults(form)
    if form.errors:
        return _shown(request, form)
    deploy = request.POST.get("go") == "deploy"
    try:
        key = jobs.ask(request.user, form.api, wanted, form.gateway, deploy=deploy)
    except jobs.NoWorker:
        return _at_once(request, form, wanted, deploy)
    response = redirect("api_copies", form.api.pk)
    response["Location"] += f"?job={key}"
    return response


def _gateway_faults(form: CopiesForm) -> dict[str, list[str]]:
    try:
        return gateway_errors(lookup.chosen(form.api.environment, form.gateway))
    except ValidationError as error:
        return messages_of(error)


def _at_once(request: Request, form: CopiesForm, wanted: list[WantedCopy], deploy: bool) -> HttpResponse:
    """Where no worker can be asked the page waits itself."""
    try:
        made = jobs.make(request.user, form.api, wanted, form.gateway, deploy=deploy)
    except CopiesRefused as refused:
        form.refuse(jobs.faults_of(refused))
        return _shown(request, form)
    except ValidationError as error:
        form.errors = messages_of(error)
        return _shown(request, form)
    messages.success(request, f"Made {len(made)} copies of {form.api}.")
    return redirect("apis")


def _job(request: Request, api: ApiInstance) -> CopyJob | None:
    key = request.GET.get("job", "")
    try:
        found = jobs.found(request.user, key) if key else None
    except redis.RedisError:
        return None
    return found if found and found.api_id == api.pk else None


def _shown(
    request: Request, form: CopiesForm, job: CopyJob | None = None, status: int | None = None
) -> HttpResponse:
    api = form.api
    made = ApiInstance.objects.filter(pk__in=job.made if job else ()).select_related("asset")
    area = Field(
        "area",
        "pasted",
        "Rows to add",
        "Name, base path, port and upstream, one row a line, with tabs, semicolons or commas between; "
        "a first row of titles is left out.",
        value=form.pasted,
        errors=tuple(form.errors.get("pasted", ())),
        attributes={"rows": 4},
    )
    context: dict[str, Any] = {
        "table": form.table(),
        "columns": form.columns,
        "general": form.general,
        "errors": {} if set(form.errors) <= {"pasted"} else form.errors,
        "pasted": area,
        "gateway_field": Field("cards", "gateway", "Gateway of all"),
        "gateways": api.environment.gateways.filter(is_revoked=False).prefetch_related("replicas"),
        "chosen": form.gateway,
        "most": MOST_COPIES,
        "most_reached": len(form.rows) >= MOST_COPIES,
        "job": job,
        "made": made.order_by("pk"),
    }
    code = status or (422 if form.errors and job is None else 200)
    return render(request, "apis/api_copies.html", frame(request, api, "") | context, status=code)
