"""Secrets of an environment: the list, one with who uses it, and the form of a new or renewed one."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apis.changes import secret_uses
from apis.changes import secrets as change
from apis.forms.secret import SecretForm, initial
from apis.secret_groups.models import Secret, SecretGroup, default_group
from apis.secret_groups.permission import may_manage
from apis.views.access import environment_of, messages_of, secret_of, secret_to_change
from console import audit
from console.listing import Select, asked, listing
from console.models import Environment
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

HISTORY_SHOWN = 20
LATE = "Somebody changed it meanwhile. Look at what it is now, and save yours again if it is still meant."


def index(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.VIEW_SECRETS)
    found = Secret.objects.filter(group__environment=environment).without_content().select_related("group")
    if query := asked(request):
        found = found.filter(Q(name__icontains=query) | Q(group__name__icontains=query))
    kind = Select.of(request, "kind", "kind", Secret.Kind.choices)
    groups = [(str(one.pk), one.name) for one in environment.secret_groups.all()]
    group = Select.of(request, "group", "group", groups)
    if kind.chosen in Secret.Kind.values:
        found = found.filter(kind=kind.chosen)
    if group.chosen in dict(groups):
        found = found.filter(group=UUID(group.chosen))
    found = found.order_by("group__name", "kind", "name")
    shown = listing(request, "secrets", "secret", found, searches="name or group", selects=(kind, group))
    context = {
        "manages": may_manage(request.user, environment),
        "uses": secret_uses.counts(environment, shown.page),
    }
    return shown.answer(request, "apis/secret_list.html", "apis/_secrets_kept.html", context)


def detail(request: Request, pk: UUID) -> HttpResponse:
    secret = secret_of(request, pk)
    manages = may_manage(request.user, secret.group.environment)
    page = {
        "secret": secret,
        "manages": manages,
        "uses": secret_uses.of(secret),
        # It tells of subjects and usernames, too.
        "entries": audit.history(secret)[:HISTORY_SHOWN] if manages else None,
    }
    return render(request, "apis/secret_detail.html", page)


def add(request: Request) -> HttpResponse:
    environment = environment_of(request, Permission.MANAGE_SECRETS)
    if request.method != "POST":
        kind, wanted = request.GET.get("kind", ""), request.GET.get("group", "")
        shown = {"kind": kind if kind in Secret.Kind.values else Secret.Kind.KEYSTORE, "group": wanted}
        return _form(request, SecretForm(initial=shown, environment=environment))
    form = SecretForm(request.POST, request.FILES, environment=environment)
    if form.is_valid():
        try:
            group = _group(environment, form.cleaned_data["group"])
            given = form.cleaned_data
            told = {"ends_on": given["ends_on"]}
            made = change.create_secret(
                request.user, group, form.what, given["name"], _material(form), **told
            )
        except ValidationError as error:
            form.add_faults(messages_of(error))
        else:
            messages.success(request, f"Saved {made.get_kind_display().lower()} {made}.")
            return redirect(made)
    return _form(request, form)


def edit(request: Request, pk: UUID) -> HttpResponse:
    """Its name and date, and what it holds where that is given anew."""
    secret = secret_to_change(request, pk)
    environment = secret.group.environment
    if request.method != "POST":
        return _form(
            request, SecretForm(initial=initial(secret), environment=environment, secret=secret), secret
        )
    form = SecretForm(request.POST, request.FILES, environment=environment, secret=secret)
    seen, late = request.POST.get("seen", ""), False
    if form.is_valid():
        try:
            material = _material(form) if form.is_renewed else None
            given = {"name": form.cleaned_data["name"], "ends_on": form.cleaned_data["ends_on"]}
            change.edit_secret(request.user, secret, **given, material=material, seen=seen)
        except ValidationError as error:
            form.add_faults(messages_of(error))
        except Changed:
            late = True
            form.add_error(None, LATE)
        else:
            in_force = " It is in force wherever it is used in a moment." if material else ""
            messages.success(request, f"Saved {secret.get_kind_display().lower()} {secret}.{in_force}")
            return redirect(secret)
    secret.refresh_from_db()
    return _form(request, form, secret, late=late)


@require_POST
def delete(request: Request, pk: UUID) -> HttpResponse:
    secret = secret_to_change(request, pk)
    try:
        change.delete_secret(request.user, secret)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(secret)
    messages.success(request, f"Deleted {secret.get_kind_display().lower()} {secret}.")
    return redirect("secrets")


def _material(form: SecretForm) -> change.Material:
    if form.what == Secret.Kind.SHARED:
        return change.shared_material(*form.values())
    return change.read(*form.asked())


def _group(environment: Environment, wanted: str) -> SecretGroup:
    found = environment.secret_groups.filter(pk=wanted).first() if wanted else None
    found = found or default_group(environment)
    found.environment = environment
    return found


def _form(
    request: Request, form: SecretForm, secret: Secret | None = None, *, late: bool = False
) -> HttpResponse:
    page: dict[str, Any] = {"form": form, "secret": secret}
    if secret:
        page["seen"] = (not late and request.POST.get("seen")) or change.version_of(secret)
    code = 409 if late else 422 if form.errors else 200
    return render(request, "apis/secret_form.html", page, status=code)
