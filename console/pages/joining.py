"""An invitation's link: open to strangers, who choose a name and a password; others join as who they are."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import SetPasswordForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from console.invitations import accepting
from console.invitations.accepting import InvitationRefused
from console.invitations.models import Invitation
from console.models import User
from console.pages.administration.access import attempt

NEW = "new"


class NewForm(SetPasswordForm):
    """A name and a password, which must not be like the name or the address."""

    username = forms.CharField(
        max_length=150,
        validators=User._meta.get_field("username").validators,
        help_text="Letters, digits and @ . + - _",
        widget=forms.TextInput(attrs={"autocomplete": "username", "autofocus": True}),
    )

    field_order = ["username", "new_password1", "new_password2"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].label = "Password"
        self.fields["new_password2"].label = "Password again"

    def clean_username(self) -> str:
        self.user.username = self.cleaned_data["username"]
        return str(self.user.username)


class OwnForm(forms.Form):
    confirmed = forms.BooleanField(label="Join with this account all the same", required=False)


@login_not_required
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, invitation_token: str) -> HttpResponse:
    """A look changes nothing."""
    try:
        found = accepting.find(invitation_token)
        as_who = str(request.user.pk) if request.user.is_authenticated else NEW
        is_sent = request.method == "POST" and request.POST.get("who") == as_who
        data = request.POST if is_sent else None
        if isinstance(request.user, User):
            return _own(request, found, invitation_token, request.user, OwnForm(data))
        return _new(request, found, invitation_token, NewForm(User(email=found.email), data))
    except InvitationRefused as refused:
        context = {"refused": refused}
        return render(request, "console/invitation_refused.html", context, status=refused.status)


def _new(request: HttpRequest, found: Invitation, token: str, form: NewForm) -> HttpResponse:
    if form.is_valid():
        facts = form.cleaned_data
        made = attempt(form, lambda: accepting.join_anew(token, facts["username"], facts["new_password1"]))
        if made:
            messages.success(request, f"You joined {found.organization}. Log in as {made}.")
            return redirect("login")
    return _page(request, found, form, NEW)


def _own(request: HttpRequest, found: Invitation, token: str, user: User, form: OwnForm) -> HttpResponse:
    if form.is_valid():
        is_confirmed = form.cleaned_data["confirmed"]
        if attempt(form, lambda: accepting.join(token, user, is_confirmed=is_confirmed)):
            messages.success(request, f"You joined {found.organization}, as {found.title} of {found.place}.")
            return redirect("home")
    return _page(request, found, form, str(user.pk))


def _page(request: HttpRequest, found: Invitation, form: forms.Form, who: str) -> HttpResponse:
    user = request.user
    context = {
        "invitation": found,
        "form": form,
        "who": who,
        "is_for_another": isinstance(user, User) and accepting.is_for_another(found, user),
        "is_changed": request.method == "POST" and request.POST.get("who") != who,
    }
    status = 422 if form.errors else 409 if context["is_changed"] else 200
    return render(request, "console/invitation.html", context, status=status)
