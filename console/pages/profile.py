"""A user's own account: their roles, sessions and password."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy

from console import accounts
from console.factors import needed
from console.models import Role
from console.pages import tokens
from console.pages.with_provider import to_tie
from console.scope import Request
from console.sessions import logins


class ProfilePage(PasswordChangeView):
    request: Request

    template_name = "console/profile.html"
    success_url = reverse_lazy("profile")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """This browser's session goes on; every other one ends."""
        accounts.set_own_password(self.request.user, form.cleaned_data["new_password1"], self.request.session)
        update_session_auth_hash(self.request, self.request.user)
        messages.success(self.request, "Your password was changed.")
        return redirect(self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        user = self.request.user
        roles = Role.objects.of(user).select_related(
            "organization", "environment", "custom", "team", "api__asset"
        )
        sessions = logins.shown(user, self.request.session)
        more = {
            "roles": roles,
            "sessions": sessions,
            "tokens": tokens.shown(user),
            "identities": user.identities.select_related("provider"),
            "to_tie": to_tie(self.request),
            "has_factor": needed.has_factor(user),
        }
        return super().get_context_data(**more, **kwargs)
