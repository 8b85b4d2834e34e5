"""APIs as a file to keep, to bring elsewhere, or to serve in Local Mode."""

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header

from apis.models import ApiInstance
from apis.portable import exporting
from apis.views.access import api_of, environment_of, may_on
from console.numbers import numbers
from console.permissions import Permission
from console.scope import Request


def one(request: Request, pk: int) -> HttpResponse:
    return _file(request, [api_of(request, pk, Permission.VIEW_POLICIES)])


def several(request: Request) -> HttpResponse:
    """`?api=` names each of them, of the environment that the user works in."""
    environment = environment_of(request)
    ids = numbers(request.GET.getlist("api")[: exporting.MOST_APIS + 1])
    seen = ApiInstance.objects.permitting(request.scope.held, Permission.VIEW_POLICIES)
    rows = seen.select_related("asset__specification", "tls_context", "environment__organization")
    found = {row.pk: row for row in rows.filter(environment=environment, pk__in=ids)}
    if not found:
        raise Http404("None of these APIs is in the environment.")
    if len(found) > exporting.MOST_APIS:
        raise Http404(f"At most {exporting.MOST_APIS} APIs go into one file.")
    return _file(request, [found[pk] for pk in dict.fromkeys(ids) if pk in found])


def _file(request: Request, apis: list[ApiInstance]) -> HttpResponse:
    text = exporting.yaml_of(apis, lambda one: may_on(request, one))
    response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = content_disposition_header(True, exporting.file_name(apis))
    response["Cache-Control"] = "no-store"
    return response
