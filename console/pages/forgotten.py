"""A forgotten password: asking for a link, and choosing a new password by it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.decorators import method_decorator

from console import accounts, passwords


class ForgottenForm(forms.Form):
    email = forms.EmailField(
        label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True})
    )


@login_not_required
def forgotten(request: HttpRequest) -> HttpResponse:
    """The answer is the same for an address that nobody has."""
    if not passwords.is_mail_set_up():
        return render(request, "console/password_forgotten.html", {"form": None})
    form = ForgottenForm(request.POST or None)
    if form.is_valid():
        passwords.send_links(request, form.cleaned_data["email"])
        return render(request, "console/password_forgotten.html", {"sent": form.cleaned_data["email"]})
    status = 422 if form.errors else 200
    return render(request, "console/password_forgotten.html", {"form": form}, status=status)


@method_decorator(login_not_required, name="dispatch")
class ResetPage(PasswordResetConfirmView):
    """By a link. The second factor is asked for afterwards, at the login."""

    template_name = "console/password_reset.html"
    reset_url_token = "choose"  # noqa: S105 — a part of the address

    def form_valid(self, form: Any) -> HttpResponse:
        accounts.set_own_password(form.user, form.cleaned_data["new_password1"])
        self.request.session.flush()
        messages.success(self.request, "Your new password is set. Log in with it.")
        return redirect("login")
