"""OpenAPI documents: how reading one goes, and the document of an API to see, to replace and to download."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_POST

from apis import operations
from apis.changes import instances
from apis.documents import differences, reading
from apis.documents.specification import Specification
from apis.forms import parts
from apis.models import ApiInstance
from apis.views.access import api_of, api_to_change, environment_of, messages_of
from apis.views.frame import frame
from console.listing import asked, listing
from console.scope import Request

PAGE_SIZE = 50
SHOWN_CHARACTERS = 200_000
ABOUT = (
    "OpenAPI 3 or 2, JSON or YAML, up to {}. You see what differs before anything changes; "
    "what runs on the gateway stays as it is."
)


def state(request: Request, pk: UUID) -> HttpResponse:
    """Whether it was read; once it was, whoever asks with htmx is told so by the event `document-read`."""
    document = _of_organization(request, pk)
    context = {"document": document, "cancel": request.GET.get("cancel", "")}
    response = render(request, "apis/_document_reading.html", context)
    if not document.is_unread:
        response["HX-Trigger"] = "document-read"
    return response


def index(request: Request, pk: int) -> HttpResponse:
    """The API's document, and the one that is about to replace it (`?new=`)."""
    return _shown(request, api_of(request, pk), [])


def source(request: Request, pk: int) -> HttpResponse:
    """The text as it was uploaded: the beginning of it as a page, all of it as a file."""
    api = api_of(request, pk)
    document = operations.document_of(api)
    if document is None:
        raise Http404(f"{api} has no OpenAPI document.")
    if "download" not in request.GET:
        page = {"document": document, "text": document.text[:SHOWN_CHARACTERS]}
        page["is_cut"] = len(document.text) > SHOWN_CHARACTERS
        return render(request, "apis/api_document_source.html", frame(request, api, "document") | page)
    response = HttpResponse(document.text, content_type="text/plain; charset=utf-8")
    name = "".join(
        one if one.isascii() and (one.isalnum() or one in "._- ") else "_" for one in document.name
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def operation_choice(request: Request, pk: UUID) -> HttpResponse:
    """The operations that a form offers, as they are searched."""
    document = _of_organization(request, pk)
    context = {"document": document} | operations.choice(document, request.GET)
    return render(request, "apis/_operation_choice.html", context)


@require_POST
def upload(request: Request, pk: int) -> HttpResponse:
    """Has a new document read; nothing changes before the difference was seen and confirmed."""
    api = _to_change(request, pk)
    file = request.FILES.get("specification")
    try:
        if file is None:
            raise ValidationError("Choose a file.")
        document = reading.upload(request.user, api.asset.organization, file)
    except ValidationError as error:
        return _shown(request, api, error.messages)
    response = redirect("api_document", api.pk)
    response["Location"] += f"?new={document.pk}"
    return response


@require_POST
def replace(request: Request, pk: int) -> HttpResponse:
    api = _to_change(request, pk)
    document = _new(api, request.POST.get("new", ""))
    if document is None:
        messages.error(request, "That document is not there any more; upload it again.")
    elif "cancel" in request.POST:
        reading.cancel(document)
    else:
        try:
            instances.set_specification(request.user, api, document)
        except ValidationError as error:
            return _shown(request, api, [text for found in messages_of(error).values() for text in found])
        messages.success(request, f"{document} is the OpenAPI document of {api.asset} now.")
    return redirect("api_document", api.pk)


def _of_organization(request: Request, pk: UUID) -> Specification:
    """A document of the organization in which the user works, or of one above, whose assets it may use."""
    above = [UUID(part) for part in environment_of(request).organization.path.split("/") if part]
    return get_object_or_404(Specification, organization__in=above, pk=pk)


def _to_change(request: Request, pk: int) -> ApiInstance:
    api = api_to_change(request, pk)
    if not _may_change(api):
        raise PermissionDenied(f"{api.asset} belongs to {api.asset.organization}; change it there.")
    return api


def _may_change(api: ApiInstance) -> bool:
    """An asset of an organization above is that one's."""
    return api.asset.organization_id == api.environment.organization_id


def _new(api: ApiInstance, key: str) -> Specification | None:
    try:
        pk = UUID(key)
    except ValueError:
        return None
    found = api.asset.organization.specifications.filter(pk=pk).first()
    return found if found and found.pk != api.asset.specification_id else None


def _shown(request: Request, api: ApiInstance, errors: list[str]) -> HttpResponse:
    document, new = operations.document_of(api), _new(api, request.GET.get("new", ""))
    found = document.operations.matching(asked(request)) if document else []
    looked = "method, path or words"
    shown = listing(request, "operations-found", "operation", found, size=PAGE_SIZE, searches=looked)
    context = {
        "document": document,
        "new": new,
        "difference": differences.between(document, new) if new and new.is_accepted else None,
        "listing": shown,
        "errors": errors,
        "may_change": request.scope.can_edit and _may_change(api),
        "instance_count": api.asset.instances.count(),
        "file": parts.file_field(ABOUT.format(filesizeformat(settings.UPLOAD_MAX_BYTES)), is_required=True),
    }
    if shown.is_alone:
        return render(request, "apis/_operations.html", context)
    page = frame(request, api, "document") | context
    return render(request, "apis/api_document.html", page, status=422 if errors else 200)
