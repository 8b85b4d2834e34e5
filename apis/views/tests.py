"""The tests of an API: the list with what they came to, the editor as a form and as YAML, the run of all."""

from collections.abc import Callable

import redis
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apis.api_test import ApiTest, ApiTestRun
from apis.changes import tests as change
from apis.forms import case as case_form
from apis.forms.case import Typed
from apis.models import ApiInstance
from apis.testing import jobs, runs
from apis.views.access import api_of, api_to_change, messages_of
from apis.views.frame import frame
from console.forms.schema_form import Field
from console.listing import asked, listing
from console.scope import Request
from gateways.protocol import cases
from gateways.protocol.cases import Case, NoCases
from gateways.protocol.faults import ended
from policies import catalog


def index(request: Request, pk: int) -> HttpResponse:
    return _index(request, api_of(request, pk))


def add(request: Request, pk: int) -> HttpResponse:
    """`?job=` names a rehearsal of the user's own, which the form then begins with."""
    api = api_to_change(request, pk)
    if request.method == "POST":
        return _save(request, api, None, lambda case: change.add_test(request.user, api, case))
    return _form(request, api, None, _begun(request, api))


def edit(request: Request, pk: int, test: int) -> HttpResponse:
    api = api_to_change(request, pk)
    row = _test(api, test)
    if request.method == "POST":
        return _save(request, api, row, lambda case: change.edit_test(request.user, row, case))
    return _form(request, api, row, case_form.of(row.known))


@require_POST
def remove(request: Request, pk: int, test: int) -> HttpResponse:
    api = api_to_change(request, pk)
    row = _test(api, test)
    change.remove_test(request.user, row)
    messages.success(request, f"Removed the test {row}.")
    return redirect("api_tests", api.pk)


@require_POST
def run(request: Request, pk: int) -> HttpResponse:
    api = api_to_change(request, pk)
    runs.start(request.user, api)
    return redirect("api_tests", api.pk)


def as_yaml(request: Request, pk: int) -> HttpResponse:
    """All of them as one text, to change, to take along (`?download`), or to bring."""
    api = api_to_change(request, pk)
    text = cases.written([one.known for one in api.tests.all()]) if api.tests.exists() else ""
    if "download" in request.GET:
        response = HttpResponse(text, content_type="application/yaml; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="tests-of-api-{api.pk}.yaml"'
        return response
    errors: list[str] = []
    if request.method == "POST":
        text = request.POST.get("yaml", "")
        try:
            found = cases.read(text, catalog.own_name) if text.strip() else ()
            change.replace_tests(request.user, api, found)
        except NoCases as error:
            errors = [ended(error)]
        else:
            messages.success(request, "The tests are as the text says.")
            return redirect("api_tests", api.pk)
    told = _ALL.format(api.base_path or "/")
    page = frame(request, api, "tests") | {"yaml": _yaml("The tests", told, text), "faults": errors}
    return render(request, "apis/api_tests_yaml.html", page, status=422 if errors else 200)


def _index(request: Request, api: ApiInstance) -> HttpResponse:
    found = api.tests.filter(name__icontains=asked(request))
    going = ApiTestRun.objects.filter(api=api).first()
    every = 1 if going and going.is_going else 0
    shown = listing(request, "tests", "test", found, searches="name", every_seconds=every)
    counts = {state.value: 0 for state in ApiTest.State}
    for state in api.tests.values_list("state", flat=True):
        counts[state] += 1
    context = {"going": going, "counts": counts, "total": sum(counts.values())}
    if shown.is_alone:
        return shown.answer(request, "apis/api_tests.html", "apis/_tests.html", context | {"api": api})
    page = frame(request, api, "tests") | context
    return shown.answer(request, "apis/api_tests.html", "apis/_tests.html", page)


def _test(api: ApiInstance, pk: int) -> ApiTest:
    row = get_object_or_404(api.tests, pk=pk)
    row.api = api
    return row


def _begun(request: Request, api: ApiInstance) -> Typed:
    try:
        job = jobs.found(request.user, request.GET.get("job", ""))
    except redis.RedisError:
        job = None
    if job is None or job.verdict is None or job.api_id != api.pk:
        return Typed({})
    shown = job.shown
    return case_form.from_verdict(shown["request"], shown["answers"], job.verdict, api.base_path)


def _save(
    request: Request, api: ApiInstance, row: ApiTest | None, save: Callable[[Case], ApiTest]
) -> HttpResponse:
    """As a form, or as YAML where the text was sent."""
    if "yaml" in request.POST:
        return _save_yaml(request, api, row, save)
    typed = case_form.read(request.POST)
    if typed.case:
        try:
            save(typed.case)
        except ValidationError as error:
            for name, texts in messages_of(error).items():
                typed.errors.setdefault(f"case.{name}" if name else "", []).extend(texts)
    if typed.errors:
        return _form(request, api, row, typed)
    messages.success(request, f"Saved the test {typed.case.name if typed.case else ''}.")
    return redirect("api_tests", api.pk)


def _save_yaml(
    request: Request, api: ApiInstance, row: ApiTest | None, save: Callable[[Case], ApiTest]
) -> HttpResponse:
    text = request.POST["yaml"]
    try:
        found = cases.read(text, catalog.own_name)
        if len(found) > 1:
            raise NoCases("these are several tests; All as YAML takes them")
        save(found[0])
    except NoCases as error:
        return _form(request, api, row, Typed({}), text=text, faults=[ended(error)])
    except ValidationError as error:
        faults = [one for texts in messages_of(error).values() for one in texts]
        return _form(request, api, row, Typed({}), text=text, faults=faults)
    messages.success(request, f"Saved the test {found[0].name}.")
    return redirect("api_tests", api.pk)


def _form(
    request: Request,
    api: ApiInstance,
    row: ApiTest | None,
    typed: Typed,
    *,
    text: str | None = None,
    faults: list[str] | None = None,
) -> HttpResponse:
    """YAML where it was asked for, and where a form cannot show it."""
    is_more = row is not None and typed.case is None and not typed.values
    as_text = text is not None or "yaml" in request.GET or is_more
    page = {
        "test": row,
        "fields": typed.fields,
        "errors": typed.errors,
        "general": typed.errors.get("", []),
        "is_yaml": as_text,
        "is_more": is_more,
        "yaml": _yaml("The test", _ONE, (row.yaml if row else _EXAMPLE) if text is None else text),
        "faults": faults or [],
    }
    status = 422 if typed.errors or faults else 200
    response = render(request, "apis/api_test_form.html", frame(request, api, "tests") | page, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _yaml(label: str, told: str, text: str) -> Field:
    return Field("area", "yaml", label, told, is_required=True, is_code=True, value=text)


_ONE = (
    "As in a policy's own tests: a request, or an order of them, each with what it is to expect: outcome, "
    "status, refused (a policy), error, body, bodyContains, path, headers of what is sent and of the answer "
    "(null: none)."
)
_ALL = (
    "What is saved takes the place of all that there are; a test that stays as it is keeps its result. "
    "gatewright rehearse DIR --cases FILE --base-path {} runs them without a console. "
    "Headers may hold credentials: keep the file as you keep those."
)
_EXAMPLE = """name: Without credentials
target: /42
headers: {accept: application/json}
expect: {outcome: refused, status: 401}
"""
