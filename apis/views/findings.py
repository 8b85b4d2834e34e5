"""What the linter finds: in all APIs of an environment, in one; and muting a finding with a reason."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apis.changes import findings as change
from apis.lint.finding import Finding
from apis.lint.findings import findings, findings_of
from apis.models import ApiInstance
from apis.muted_finding import MOST_REASON
from apis.views.access import api_of, api_to_change, environment_of
from apis.views.frame import frame
from console.forms.schema_form import Field
from console.listing import asked, listing
from console.scope import Request


def of_environment(request: Request) -> HttpResponse:
    """API by API: those of a page are looked at together."""
    environment = environment_of(request)
    apis = (
        ApiInstance.objects.permitting(request.scope.held)
        .filter(environment=environment)
        .select_related("asset")
    )
    if query := asked(request):
        apis = apis.filter(Q(asset__name__icontains=query) | Q(label__icontains=query))
    shown = listing(request, "findings", "API", apis, searches="name or label")
    found = findings_of(api.pk for api in shown.page)
    context = {"rows": [(api, found[api.pk]) for api in shown.page]}
    return shown.answer(request, "apis/findings.html", "apis/_findings.html", context)


def index(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk)
    page = frame(request, api, "overview") | {"findings": findings(api)}
    return render(request, "apis/api_findings.html", page)


def mute(request: Request, pk: int) -> HttpResponse:
    """Asks for the reason first; `code` and `place` name the finding."""
    api = api_to_change(request, pk)
    sent = request.POST if request.method == "POST" else request.GET
    code, place, reason = (sent.get(name, "") for name in ("code", "place", "reason"))
    errors: tuple[str, ...] = ()
    if request.method == "POST":
        try:
            change.mute_finding(request.user, api, code, place, reason)
        except ValidationError as error:
            errors = tuple(error.messages)
        else:
            messages.success(request, "Muted; it stands below, with your reason.")
            return redirect("api_findings", api.pk)
    found = findings(api)
    one = next((it for it in (*found.told, *found.muted) if (it.code, it.place.id) == (code, place)), None)
    if one is None:
        messages.info(request, change.NOT_FOUND)
        return redirect("api_findings", api.pk)
    page = frame(request, api, "overview") | {"finding": one, "reason": _reason(one, reason, errors)}
    return render(request, "apis/finding_mute.html", page, status=422 if errors else 200)


@require_POST
def unmute(request: Request, pk: int, muted: int) -> HttpResponse:
    api = api_to_change(request, pk)
    row = get_object_or_404(api.muted_findings, pk=muted)
    row.api = api
    change.unmute_finding(request.user, row)
    messages.success(request, "It is told again.")
    return redirect("api_findings", api.pk)


def _reason(one: Finding, text: str, errors: tuple[str, ...]) -> Field:
    return Field(
        "text",
        "reason",
        "Why it is meant so",
        "Whoever reads the API later sees it beside the finding, and the audit log keeps it.",
        is_required=True,
        value=text or (one.muted.reason if one.muted else ""),
        errors=errors,
        attributes={"maxlength": str(MOST_REASON), "autocomplete": "off"},
    )
