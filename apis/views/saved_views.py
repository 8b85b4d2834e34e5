"""Named searches of the list of APIs: the page that lists them, and the form of one."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from pydantic import BaseModel, Field

from apis.lists import saving
from apis.lists.models import SavedView
from apis.lists.search import Search
from apis.views.access import environment_of, messages_of
from console import scope
from console.forms import schema_data, schema_form
from console.listing import listing
from console.scope import Request


class ViewForm(BaseModel):
    name: str = Field(
        "",
        title="Name",
        description="What the view is called in the list's menu.",
        examples=["Failing in production"],
        json_schema_extra={"needed": True},
    )


class SharedForm(ViewForm):
    is_shared: bool = Field(
        False, title="Shared", description="Everybody who sees this environment finds it in the menu."
    )


def index(request: Request) -> HttpResponse:
    environment = environment_of(request)
    found = saving.views_of(request.user, environment)
    shown = listing(request, "views", "view", found)
    rows = [(one, saving.searched(one.query).told) for one in shown.page]
    context = {"listing": shown, "rows": rows}
    return shown.answer(request, "apis/saved_view_list.html", "apis/_saved_views.html", context)


def add(request: Request) -> HttpResponse:
    """The search is the address's own."""
    environment = environment_of(request)
    search = Search.of(request.POST if request.method == "POST" else request.GET)
    can_share = saving.may_share(request.user, environment)
    values, errors = _values(request, {}, can_share=can_share), {}
    if request.method == "POST":
        try:
            view = saving.save_view(request.user, environment, search=search, **values)
        except ValidationError as error:
            errors = messages_of(error)
        else:
            return redirect(view)
    return _form(request, None, search, values, errors, can_share=can_share)


def edit(request: Request, pk: int) -> HttpResponse:
    view = _view(request, pk)
    can_share = view.is_shared or saving.may_share(request.user, view.environment)
    saved = {"name": view.name, "is_shared": view.is_shared}
    values, errors = _values(request, saved, can_share=can_share), {}
    if request.method == "POST":
        try:
            saving.edit_view(request.user, view, **values)
        except ValidationError as error:
            errors = messages_of(error)
        else:
            return redirect("saved_views")
    search = saving.searched(view.query)
    return _form(request, view, search, values, errors, can_share=can_share)


@require_POST
def replace(request: Request, pk: int) -> HttpResponse:
    """The view becomes what the list shows."""
    view = _view(request, pk)
    try:
        saving.replace_search(request.user, view, Search.of(request.POST))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(view)


@require_POST
def delete(request: Request, pk: int) -> HttpResponse:
    saving.delete_view(request.user, _view(request, pk))
    return redirect("saved_views")


def _view(request: Request, pk: int) -> SavedView:
    found = SavedView.objects.visible_to(request.user).select_related("environment__organization", "user")
    view = get_object_or_404(found, pk=pk)
    scope.enter(request, view.environment)
    return view


def _schema(*, can_share: bool) -> dict[str, Any]:
    return (SharedForm if can_share else ViewForm).model_json_schema()


def _values(request: Request, saved: dict[str, Any], *, can_share: bool) -> dict[str, Any]:
    values = saved
    if request.method == "POST":
        values = schema_data.read(_schema(can_share=can_share), request.POST, prefix="")
    return {"name": str(values.get("name", "")), "is_shared": bool(values.get("is_shared"))}


def _form(
    request: Request,
    view: SavedView | None,
    search: Search,
    values: dict[str, Any],
    errors: dict[str, list[str]],
    *,
    can_share: bool,
) -> HttpResponse:
    context = {
        "view": view,
        "search": search,
        "form": schema_form.fields(_schema(can_share=can_share), values, errors, prefix=""),
        "errors": errors,
        "is_mine": view is None or view.user_id == request.user.pk,
    }
    return render(request, "apis/saved_view_form.html", context, status=422 if errors else 200)
