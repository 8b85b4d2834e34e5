"""OpenAPI documents: how reading one goes, and the document of an API to see, to replace and to download."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet, prefetch_related_objects
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import filesizeformat
from django.views.decorators.http import require_POST

from apis import operations
from apis.changes import instances
from apis.documented import calls, rules
from apis.documents import differences, reading
from apis.documents.specification import Operation, Specification
from apis.forms import parts
from apis.models import ApiInstance
from apis.rules import own_document
from apis.views.access import api_of, api_to_change, environment_of, may_on, messages_of
from apis.views.frame import frame
from console.listing import Select, asked, listing
from console.permissions import Permission
from console.scope import Request

PAGE_SIZE = 50
SHOWN_CHARACTERS = 200_000
UNDOCUMENTED_SHOWN = 50
CALLED, NOT_CALLED, FAILING = "Called", "Not called", "Failing"
TRAFFIC = (CALLED, NOT_CALLED, FAILING)
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
    above = [
        UUID(part)
        for part in environment_of(request, Permission.VIEW_APIS).organization.path.split("/")
        if part
    ]
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
    called = calls.of(api, document) if document else calls.DocumentCalls()
    found = _found(request, document, called) if document else []
    looked = "method, path or words"
    selects = _selects(request, document) if document else ()
    shown = listing(
        request, "operations-found", "operation", found, size=PAGE_SIZE, searches=looked, selects=selects
    )
    context: dict[str, Any] = {
        "document": document,
        "calls": called,
        "rows": [OperationRow(one, called.by_operation.get(one.pk)) for one in shown.page],
        "listing": shown,
        "may_change": may_on(request, api)["manage_apis"] and _may_change(api),
        "can_edit": may_on(request, api)["manage_apis"],
        "api": api,
        "tag": request.GET.get("tag", ""),
    }
    if shown.is_alone:
        return render(request, "apis/_operations.html", context)
    context |= {
        "new": new,
        "errors": errors,
        "instance_count": api.asset.instances.count(),
        "file": parts.file_field(ABOUT.format(filesizeformat(settings.UPLOAD_MAX_BYTES)), is_required=True),
        "undocumented": called.undocumented[:UNDOCUMENTED_SHOWN],
        "unmatched": rules.unmatched(_with_rules([api])[0], document) if document else None,
    }
    if new and new.is_accepted:
        context["difference"] = differences.between(document, new)
        context["left_behind"] = _left_behind(request, api, document, new) if document else None
        context["validating"] = _validating(request, api)
    page = frame(request, api, "document") | context
    return render(request, "apis/api_document.html", page, status=422 if errors else 200)


@dataclass(frozen=True)
class OperationRow:
    """An operation with its traffic; None for one that was not called."""

    operation: Operation
    calls: calls.OperationCalls | None


def _selects(request: Request, document: Specification) -> tuple[Select, ...]:
    tags = [(one, one) for one in operations.tags_of(document)]
    return (
        Select.of(request, "traffic", "Traffic", [(one, one) for one in TRAFFIC]),
        *((Select.of(request, "tag", "Tag", tags),) if tags else ()),
    )


def _found(
    request: Request, document: Specification, called: calls.DocumentCalls
) -> QuerySet[Operation] | list[Operation]:
    """As in the document; those that are called, the most called first."""
    found = document.operations.matching(asked(request))
    if tag := request.GET.get("tag", ""):
        found = found.tagged(tag)
    wanted = request.GET.get("traffic", "")
    if wanted == NOT_CALLED:
        return found.exclude(pk__in=called.by_operation)
    if wanted in (CALLED, FAILING):
        keys = called.by_operation.keys() if wanted == CALLED else called.failing
        return sorted(found.filter(pk__in=keys), key=lambda one: -called.by_operation[one.pk].requests)
    return found


def _with_rules(apis: list[ApiInstance]) -> list[ApiInstance]:
    prefetch_related_objects(apis, "policies", "routes")
    return apis


def _validating(request: Request, api: ApiInstance) -> list[ApiInstance]:
    """The APIs of the asset that the user may see, and whose requests a policy checks by this document."""
    asking = {"policies__policy__in": own_document.takers(), "policies__config__source": own_document.CONTEXT}
    found = ApiInstance.objects.visible_to(request.user).filter(asset=api.asset_id, **asking)
    return list(found.select_related("asset", "environment").distinct()[: rules.MOST_APIS])


def _left_behind(
    request: Request, api: ApiInstance, document: Specification, new: Specification
) -> rules.Unmatched:
    """Of all APIs of the asset that the user may see."""
    found = ApiInstance.objects.visible_to(request.user).filter(asset=api.asset_id)
    apis = list(found.select_related("asset", "environment")[: rules.MOST_APIS])
    return rules.left_behind(_with_rules(apis), document, new)
