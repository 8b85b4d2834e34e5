"""APIs from a file: uploaded, read by a worker, then shown with what each would change, and imported."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from apis.forms.promote import NEW, PromoteForm, errors_by_field
from apis.models import ApiInstance
from apis.promotions import importing, promoting
from apis.promotions.models import Upload
from apis.promotions.promoting import PromotionPreview
from apis.views.access import environment_of, may_deploy_in, messages_of
from apis.views.promoting import token, told
from console import scope
from console.forms.schema_form import Field
from console.models import Environment
from console.permissions import Permission
from console.scope import Request, must

ABOUT = (
    "The YAML that an API's page exports, here or in another console, or a file of Local Mode: up to 20 MB. "
    "You see what it would change before anything does."
)


def index(request: Request) -> HttpResponse:
    """A file to import, and those of the last day."""
    environment = environment_of(request, Permission.MANAGE_APIS)
    must(request, Permission.MANAGE_POLICIES)
    errors: list[str] = []
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if file is None:
                raise ValidationError("Choose a file.")
            return redirect(importing.upload(request.user, environment, file))
        except ValidationError as error:
            errors = error.messages
    mine = Upload.objects.filter(by=request.user, environment=environment).defer("text", "apis")
    field = Field("file", "file", "File", ABOUT, errors=tuple(errors), attributes={"accept": ".yaml,.yml"})
    context = {"file_field": field, "uploads": mine[: importing.MOST_KEPT], "errors": errors, "general": ()}
    return render(request, "apis/import_add.html", context, status=422 if errors else 200)


def detail(request: Request, pk: UUID) -> HttpResponse:
    """How reading it goes; then its APIs, of which `?at=` is shown with all that it needs."""
    row = _upload(request, pk)
    is_asked_for = bool(request.htmx and request.htmx.target == "import-reading")
    if row.state != Upload.State.READ:
        page = "apis/_import_reading.html" if is_asked_for else "apis/import_reading.html"
        return render(request, page, {"upload": row})
    if is_asked_for:
        return HttpResponse(headers={"HX-Refresh": "true"})
    apis = importing.apis_of(row)
    at = _place(request, len(apis))
    if at is None and len(apis) > 1:
        return _several(request, row)
    form = _form(row, at or 0, request)
    if request.method != "POST":
        return _shown(request, row, at or 0, form)
    form.read(request.POST)
    return _posted(request, row, at or 0, form)


def _posted(request: Request, row: Upload, at: int, form: PromoteForm) -> HttpResponse:
    choices, go = form.choices, request.POST.get("go", "")
    deploy = go == "deploy"
    try:
        shown = promoting.preview(request.user, importing.wanted(row, at, choices), choices.counterpart)
        if go not in ("save", "deploy") or request.POST.get("seen", "") != token(form, shown):
            return _shown(request, row, at, form, shown)
        made = importing.take(request.user, row, at, choices, deploy=deploy)
    except ValidationError as error:
        form.errors = errors_by_field(messages_of(error))
        return _shown(request, row, at, form)
    messages.success(request, told(form, form.whole.title, made.api, deploy))
    for note in made.notes:
        messages.info(request, note)
    return redirect(row if len(row.apis) > 1 else made.api)


def _several(request: Request, row: Upload) -> HttpResponse:
    apis = importing.apis_of(row)
    made = ApiInstance.objects.filter(pk__in=row.done.values()).select_related("asset")
    by_id = {one.pk: one for one in made}
    rows = [(at, one, by_id.get(row.done.get(str(at), 0))) for at, one in enumerate(apis)]
    return render(request, "apis/import_several.html", {"upload": row, "rows": rows})


def _form(row: Upload, at: int, request: Request) -> PromoteForm:
    whole = importing.apis_of(row)[at]
    there = importing.counterpart(row.environment, whole)
    key = request.POST.get("counterpart") or request.GET.get("counterpart", "")
    chosen = None if key == NEW else there
    choices = importing.proposed(row.environment, whole, chosen)
    return PromoteForm(whole, "the file", choices, [there] if there else [])


def _shown(
    request: Request, row: Upload, at: int, form: PromoteForm, preview: PromotionPreview | None = None
) -> HttpResponse:
    environment: Environment = form.environment
    context: dict[str, Any] = {
        "upload": row,
        "at": at,
        "whole": form.whole,
        "environment": environment,
        "counterpart": form.choices.counterpart,
        "done": ApiInstance.objects.filter(pk=row.done.get(str(at), 0)).select_related("asset").first(),
        "errors": form.errors,
        "preview": preview,
        "seen": token(form, preview) if preview else "",
        "gateway": form.choices.gateway,
        "may_deploy": may_deploy_in(request, environment),
    }
    status = 422 if form.errors else 200
    response = render(request, "apis/import_one.html", context | form.fields(), status=status)
    response["Cache-Control"] = "no-store"
    return response


def _upload(request: Request, pk: UUID) -> Upload:
    """One's own, where one may still add an API."""
    rows = Upload.objects.filter(by=request.user, environment__in=Environment.objects.known_to(request.user))
    row = get_object_or_404(rows.select_related("environment__organization", "by"), pk=pk)
    scope.enter(request, row.environment)
    must(request, Permission.MANAGE_APIS)
    must(request, Permission.MANAGE_POLICIES)
    return row


def _place(request: Request, count: int) -> int | None:
    text = request.POST.get("at") or request.GET.get("at", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) < count):
        raise Http404("The file has no such API.")
    return int(text)
