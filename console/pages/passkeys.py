"""Passkeys: made on the profile, used as the second factor or for the whole login."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from console import login_attempts
from console.factors import changes, codes, passkeys
from console.pages import entering
from console.pages.administration.access import attempt
from console.pages.factors import confirmed, done
from console.pages.session import on_this_site
from console.providers import people
from console.scope import Request

ANYBODY = "passkey"
"""Whose failures are counted, of a login that names nobody."""


class PasskeyForm(forms.Form):
    name = forms.CharField(max_length=60, help_text="By which you know the device: Phone, YubiKey 5.")
    credential = forms.CharField(max_length=passkeys.MOST_CHARACTERS, required=False)


@confirmed
def add(request: Request) -> HttpResponse:
    form = PasskeyForm(request.POST or None)
    if form.is_valid():
        facts = form.cleaned_data

        def make() -> list[str]:
            passkey = passkeys.made(request, facts["credential"])
            passkey.name = facts["name"]
            return changes.add_passkey(request.user, passkey)

        made = attempt(form, make)
        if made is not None:
            return done(request, f"The passkey {facts['name']} is your second factor now.", made)
    fault = passkeys.fault_of(request)
    options = "" if fault else passkeys.to_make(request, request.user)
    context = {"form": form, "options": options, "fault": fault}
    return render(request, "console/factors/passkey.html", context, status=422 if form.errors else 200)


@login_not_required
@require_POST
def second(request: HttpRequest) -> HttpResponse:
    found = entering.waiting(request)
    if found is None:
        return redirect("login")
    user, pending = found
    try:
        codes.check_failures(user)
    except codes.TooManyCodes as error:
        messages.error(request, str(error))
        return redirect("login_second")
    if passkeys.proven(request, request.POST.get("credential", ""), user):
        return entering.let_in(request, user, pending["next"], pending["provider"], "passkey")
    codes.fail(user)
    messages.error(request, "This passkey does not count here. Try once more, or use a code.")
    return redirect("login_second")


@login_not_required
def alone(request: HttpRequest) -> HttpResponse:
    """The device has asked for a PIN, a finger or a face: two factors in one."""
    wanted = on_this_site(request, request.POST.get("next") or request.GET.get("next") or "")
    if request.method == "POST" and not login_attempts.wait_seconds(request, ANYBODY):
        user = passkeys.proven(request, request.POST.get("credential", ""))
        if user and (provider := people.only_by(user)):
            messages.error(request, f"{provider.organization} lets you log in by {provider} alone.")
        elif user:
            return entering.let_in(request, user, wanted, factor="passkey")
        else:
            login_attempts.record(request, ANYBODY, is_right=False)
            messages.error(request, "This passkey does not count here.")
    fault = passkeys.fault_of(request)
    options = "" if fault else passkeys.to_ask_anybody(request)
    return render(request, "console/login_passkey.html", {"options": options, "fault": fault, "next": wanted})
