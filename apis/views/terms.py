"""The terms of an API or of an environment: read by who sees contracts, written by who manages them."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apis.changes import terms as change
from apis.contracts.terms import Terms
from apis.views.access import api_of, environment_of, may_on, messages_of, posted
from apis.views.frame import frame
from console.permissions import Permission
from console.scope import Request
from console.versions import Changed

VIEW, MANAGE = Permission.VIEW_CONTRACTS, Permission.MANAGE_CONTRACTS


class TermsForm(forms.Form):
    text = forms.CharField(
        label="Terms",
        required=False,
        max_length=Terms.LONGEST,
        widget=forms.Textarea(attrs={"rows": 16}),
        help_text="Plain text, which whoever asks for access agrees to. Each change is a new version, for "
        "requests from then on. Empty: there are none.",
    )


def of_api(request: Request, pk: int) -> HttpResponse:
    api = api_of(request, pk, MANAGE if request.method == "POST" else VIEW)
    now = Terms.objects.newest_of(api=api)
    form = _form(request, now)
    if form.is_valid() and _wrote(request, form, lambda **facts: change.of_api(request.user, api, **facts)):
        return redirect("api_terms", api.pk)
    context = frame(request, api, "contracts") | _context(form, now)
    context |= {
        "may_write": may_on(request, api)["manage_contracts"],
        "of_environment": Terms.objects.newest_of(environment=api.environment),
    }
    return render(request, "apis/api_terms.html", context, status=422 if form.errors else 200)


def of_environment(request: Request) -> HttpResponse:
    environment = environment_of(request, MANAGE if request.method == "POST" else VIEW)
    now = Terms.objects.newest_of(environment=environment)
    form = _form(request, now)
    if form.is_valid() and _wrote(
        request, form, lambda **facts: change.of_environment(request.user, environment, **facts)
    ):
        return redirect("terms")
    context = _context(form, now) | {"may_write": request.scope.may["manage_contracts"]}
    return render(request, "apis/terms.html", context, status=422 if form.errors else 200)


def _form(request: Request, now: Terms | None) -> TermsForm:
    return TermsForm(posted(request), initial={"text": now.text if now else ""})


def _wrote(request: Request, form: TermsForm, write: Any) -> bool:
    try:
        made = write(text=form.cleaned_data["text"], seen=request.POST.get("seen", ""))
    except ValidationError as error:
        for field, texts in messages_of(error).items():
            form.add_error(field if field in form.fields else None, texts)
    except Changed:
        form.add_error(
            None, "Somebody changed the terms after you opened them. Save again to overwrite them."
        )
    else:
        told = (
            f"Saved: version {made.version}." if made and made.text else "There are no terms of its own now."
        )
        messages.success(request, told)
        return True
    return False


def _context(form: TermsForm, now: Terms | None) -> dict[str, Any]:
    return {"form": form, "now": now, "seen": change.seen_version(now)}
