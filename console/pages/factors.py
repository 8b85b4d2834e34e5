"""One's own second factors: set up, looked at, removed. What weakens the login asks first who is there."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

import segno
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_POST

from console import login_attempts
from console.factors import changes, codes, needed, passkeys
from console.factors.models import Passkey, SecondFactor
from console.pages import entering
from console.pages.administration.access import attempt, attempt_or_say
from console.pages.second_factor import CodeForm, lacks_factor
from console.pages.session import on_this_site
from console.scope import Request
from console.sessions.engine import LOGIN

PENDING_APP = "totp_pending"
"""In a session: of the app that is being set up, encrypted."""
CONFIRMED = "confirmed_at"
CONFIRMED_SECONDS = 900
View = Callable[..., HttpResponse]


class ConfirmForm(forms.Form):
    password = forms.CharField(
        label="Password or code",
        max_length=4096,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
        help_text="Your password, or a code of your second factor.",
    )


def confirmed(view: View) -> View:
    """Only some minutes after the login, or after the person has proven once more who is there."""

    @wraps(view)
    def asking(request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        if is_fresh(request):
            return view(request, *args, **kwargs)
        return to_confirm(request.get_full_path() if request.method == "GET" else reverse("factors"))

    return asking


def to_confirm(path: str) -> HttpResponse:
    """To the page that asks, and from there on to the path."""
    return redirect(f"{reverse('factor_confirm')}?{urlencode({'next': path})}")


def factors(request: Request) -> HttpResponse:
    factor = SecondFactor.objects.filter(user=request.user).first()
    context = {
        "factor": factor,
        "passkeys": list(request.user.passkeys.all()),
        "left": len(factor.recovery_hashes) if factor else 0,
        "needed": lacks_factor(request),
        "passkey_fault": passkeys.fault_of(request),
        "next": on_this_site(request, request.GET.get("next", "")),
    }
    return render(request, "console/factors/factors.html", context)


def confirm(request: Request) -> HttpResponse:
    form = ConfirmForm(request.POST or None)
    wanted = on_this_site(request, request.POST.get("next") or request.GET.get("next") or "")
    if form.is_valid():
        try:
            if _is_right(request, form.cleaned_data["password"]):
                request.session[CONFIRMED] = time.time()
                return redirect(wanted)
            form.add_error("password", "This is neither your password nor a code.")
        except codes.TooManyCodes as error:
            form.add_error("password", str(error))
    status = 422 if form.errors else 200
    return render(request, "console/factors/confirm.html", {"form": form, "next": wanted}, status=status)


@confirmed
def app(request: Request) -> HttpResponse:
    """Codes of an app: the QR code, and the first code that proves that it was read."""
    form = CodeForm(request.POST or None)
    form.fields["code"].help_text = "The six digits that the app shows."
    secret = _secret(request)
    if form.is_valid():
        made = attempt(form, lambda: changes.set_totp(request.user, secret, form.cleaned_data["code"]))
        if made is not None:
            del request.session[PENDING_APP]
            return done(request, "Your app’s codes are your second factor now.", made)
    qr = segno.make(codes.uri(request.user, secret)).svg_data_uri(scale=5, border=2, light="#fff")
    shown = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    context = {"form": form, "qr": qr, "secret": shown}
    return render(request, "console/factors/app.html", context, status=422 if form.errors else 200)


@require_POST
@confirmed
def remove_app(request: Request) -> HttpResponse:
    if attempt_or_say(request, lambda: changes.remove_totp(request.user)):
        messages.success(request, "Codes of your app are no longer asked for.")
    return redirect("factors")


@require_POST
@confirmed
def renew_codes(request: Request) -> HttpResponse:
    if not needed.has_factor(request.user):
        return redirect("factors")
    made = changes.renew_recovery_codes(request.user)
    return done(request, "The recovery codes of before no longer work.", made)


@require_POST
@confirmed
def remove_passkey(request: Request, passkey: int) -> HttpResponse:
    found = get_object_or_404(Passkey, pk=passkey, user=request.user)
    if attempt_or_say(request, lambda: changes.remove_passkey(request.user, found)):
        messages.success(request, f"The passkey {found} no longer logs you in.")
    return redirect("factors")


def done(request: Request, words: str, made: list[str]) -> HttpResponse:
    """With the recovery codes, which are shown in this answer and never again."""
    request.session[entering.FACTOR] = request.session.get(entering.FACTOR) or "set up"
    messages.success(request, words)
    if not made:
        return redirect("factors")
    return render(request, "console/factors/codes.html", {"codes": made, "text": "\n".join(made)})


def is_fresh(request: HttpRequest) -> bool:
    began = parse_datetime((request.session.get(LOGIN) or {}).get("at", ""))
    since = max(began.timestamp() if began else 0, request.session.get(CONFIRMED, 0))
    return time.time() < since + CONFIRMED_SECONDS


def _is_right(request: Request, text: str) -> bool:
    """A code where there is a second factor, the password in any case; guesses of either are counted."""
    user = request.user
    if user.has_usable_password() and not login_attempts.wait_seconds(request, user.get_username()):
        is_right = user.check_password(text)
        login_attempts.record(request, user.get_username(), is_right=is_right)
        if is_right:
            return True
    return codes.counts(user, text[:40])


def _secret(request: Request) -> str:
    kept = request.session.get(PENDING_APP)
    if not kept:
        made = codes.new_secret()
        request.session[PENDING_APP] = settings.KEYS.fernet.encrypt(made.encode()).decode()
        return made
    return str(settings.KEYS.fernet.decrypt(kept.encode()).decode())
