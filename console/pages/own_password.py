"""The password that a person chooses at the first login with a generated or given one."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.forms import SetPasswordForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.generic import FormView
from django_htmx.http import HttpResponseClientRefresh

from console import accounts
from console.models import User
from console.pages.entering import PROVIDER
from console.pages.session import on_this_site
from console.scope import Request


class OwnPasswordMiddleware:
    """Lets nobody on whose password was generated or given: first they choose one that only they know."""

    OPEN = ("own_password", "logout", "theme")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> HttpResponse | None:
        user = request.user
        name = request.resolver_match.url_name if request.resolver_match else ""
        if not isinstance(user, User) or not user.must_change_password or name in self.OPEN:
            return None
        if not getattr(view, "login_required", True) or request.session.get(PROVIDER):
            return None
        if request.htmx:  # type: ignore[attr-defined]
            return HttpResponseClientRefresh()
        wanted = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
        return redirect(f"{reverse('own_password')}?{urlencode({'next': wanted})}")


class OwnPasswordForm(SetPasswordForm):
    """Without the old password, with which this person logged in just now."""

    def clean_new_password1(self) -> str:
        password: str = self.cleaned_data["new_password1"]
        if self.user.check_password(password):
            raise ValidationError("This is the password you were given; choose another one.", code="same")
        return password


class OwnPasswordPage(FormView):
    """Asked for after the first login with a generated or given password."""

    request: Request

    form_class = OwnPasswordForm
    template_name = "console/own_password.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if isinstance(request.user, User) and not request.user.must_change_password:
            return redirect("profile")
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "user": self.request.user}

    def form_valid(self, form: OwnPasswordForm) -> HttpResponse:
        """This browser's session goes on; every other one ends."""
        accounts.set_own_password(self.request.user, form.cleaned_data["new_password1"], self.request.session)
        update_session_auth_hash(self.request, self.request.user)
        messages.success(self.request, "Your password was changed. The one you were given no longer works.")
        return redirect(on_this_site(self.request, self.request.POST.get("next", "")))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        wanted = self.request.POST.get("next") or self.request.GET.get("next") or ""
        return super().get_context_data(next=on_this_site(self.request, wanted), **kwargs)
