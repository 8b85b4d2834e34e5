"""One's own personal tokens: made, shown once, revoked."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from console import once
from console.factors import needed
from console.models import Environment, User
from console.pages import entering
from console.pages.administration.access import attempt
from console.pages.end_form import EndForm
from console.pages.factors import is_fresh, to_confirm
from console.pages.permission_choices import chosen_among
from console.scope import Request
from console.tokens import changes
from console.tokens.models import PersonalToken

WITHOUT_FACTOR = (
    "Personal tokens are made in a session that has proven your second factor, and this one has not: log out "
    "and in again."
)
MOST_SHOWN = 100


class TokenForm(EndForm):
    name = forms.CharField(
        max_length=PersonalToken.LONGEST_NAME, help_text="What will use it: a script, a pipeline, a tool."
    )
    permissions = forms.MultipleChoiceField(
        widget=forms.CheckboxSelectMultiple,
        help_text="Of what you may do. What you lose later, the token loses. Who may change something may "
        "look at it, too.",
    )
    environment = forms.ModelChoiceField(
        queryset=Environment.objects.none(), required=False, empty_label="Everywhere that you may do it"
    )

    field_order = ["name", "permissions", "environment", "expires", "expires_at"]

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        permissions: Any = self.fields["permissions"]
        permissions.choices = chosen_among(user)
        self.fields["expires"].help_text = "You are told some days before."
        environments: Any = self.fields["environment"]
        known = Environment.objects.known_to(user).select_related("organization")
        environments.queryset = known.order_by("organization__path", "name")
        environments.label_from_instance = lambda one: f"{one.organization} / {one}"

    def wanted(self) -> changes.WantedToken:
        """Of a form that is valid."""
        facts = self.cleaned_data
        return changes.WantedToken(
            facts["name"], tuple(facts["permissions"]), self.end(), facts["environment"]
        )


@never_cache
def add(request: Request) -> HttpResponse:
    """The token is shown in the answer to the form and never again."""
    if not is_fresh(request):
        return to_confirm(reverse("token_add"))
    factor = request.session.get(entering.FACTOR)
    if not factor and (needed.has_factor(request.user) or needed.needs_factor(request.user)):
        raise PermissionDenied(WITHOUT_FACTOR)
    form = TokenForm(request.user, request.POST or None)
    if form.is_valid():
        how: dict[str, Any] = {"with_factor": bool(factor), "sending": once.of(request)}
        if made := attempt(form, lambda: changes.make(request.user, form.wanted(), **how)):
            token, secret = made
            return render(request, "console/tokens/made.html", {"token": token, "secret": secret})
    status = 422 if form.errors else 200
    return render(request, "console/tokens/add.html", {"form": form}, status=status)


@require_POST
def revoke(request: Request, personal_token: int) -> HttpResponse:
    found = get_object_or_404(PersonalToken, pk=personal_token, user=request.user)
    changes.revoke(request.user, found)
    messages.success(request, f"The token {found} was revoked; it no longer works.")
    return redirect("profile")


def shown(user: User) -> list[PersonalToken]:
    """For the list on the profile: those that work, and those that did until lately."""
    return list(user.personal_tokens.select_related("environment__organization")[:MOST_SHOWN])
