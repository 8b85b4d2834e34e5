"""The second factor: asked for at the login, and set up by whoever must have one before anything else."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRefresh

from console.factors import codes, passkeys
from console.factors.models import SecondFactor
from console.models import User
from console.pages import entering


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=40,
        help_text="The six digits that your app shows, or one of your recovery codes.",
        widget=forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "text",
                "autofocus": True,
                "spellcheck": "false",
            }
        ),
    )


class ProofForm(CodeForm):
    """Of who has passkeys and no app, a recovery code is asked for."""

    def __init__(self, user: User, data: QueryDict | None) -> None:
        super().__init__(data)
        if not SecondFactor.objects.filter(user=user, totp_since__isnull=False).exists():
            code = self.fields["code"]
            code.label, code.help_text = "Recovery code", "One of those that were shown with your passkey."


class FactorMiddleware:
    """Lets nobody on who must have a second factor and has none: first they set one up."""

    OPEN = (
        "factors",
        "factor_app",
        "factor_confirm",
        "passkey_add",
        "own_password",
        "logout",
        "theme",
    )

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        name = request.resolver_match.url_name if request.resolver_match else ""
        if name in self.OPEN or not getattr(view, "login_required", True) or not lacks_factor(request):
            return None
        if request.htmx:  # type: ignore[attr-defined]
            return HttpResponseClientRefresh()
        wanted = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
        return redirect(f"{reverse('factors')}?{urlencode({'next': wanted})}")


def lacks_factor(request: HttpRequest) -> bool:
    """Whether this session's user needs one and has none; the provider's own counts where it is trusted."""
    if not isinstance(request.user, User) or request.session.get(entering.FACTOR) == "provider":
        return False
    return bool(getattr(getattr(request.session, "row", None), "needs_factor", False))


@login_not_required
def second(request: HttpRequest) -> HttpResponse:
    """Whoever has given the right password, or comes from a provider, gives a code or uses a passkey."""
    found = entering.waiting(request)
    if found is None:
        return redirect("login")
    user, pending = found
    form = ProofForm(user, request.POST or None)
    status = HTTPStatus.OK
    if form.is_valid():
        try:
            if codes.counts(user, form.cleaned_data["code"]):
                return entering.let_in(request, user, pending["next"], pending["provider"], "code")
            form.add_error("code", "This code is wrong, was used already, or is no longer shown.")
        except codes.TooManyCodes as error:
            form.add_error("code", str(error))
            status = HTTPStatus.TOO_MANY_REQUESTS
    context = {"form": form, "person": user, "passkeys": passkeys.to_ask(request, user)}
    return render(request, "console/login_second.html", context, status=status)
