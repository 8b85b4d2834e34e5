"""Logging in, now and when a session ends, choosing the environment to work in, and the theme."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import LoginView, redirect_to_login
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from console import login_attempts, scope
from console.factors import passkeys
from console.models import Environment
from console.pages import entering
from console.providers import people
from console.providers.models import IdentityProvider
from console.scope import Request
from console.themes import THEMES

LEFT = "left"
"""In a session: the provider by which one was logged in that ended just now."""
MOST_OFFERED = 20
YEAR_SECONDS = 365 * 24 * 3600
SESSION_ENDED = (
    "Your session has ended, so nothing was changed. Log in to go on: this tab keeps what you typed."
)


class LoginMiddleware(LoginRequiredMiddleware):
    """Sends whoever is not logged in to the login page, and from there to a page that can be opened.

    Who asks for a fragment is told to load the whole page anew: a redirect would put the login page into
    the fragment's place. What was posted leads back to where its button was.
    """

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponse:  # type: ignore[override]
        if request.htmx:  # type: ignore[attr-defined]
            return HttpResponseClientRefresh()
        if request.method in ("GET", "HEAD"):
            return super().handle_no_permission(request, view_func)
        messages.warning(request, SESSION_ENDED)
        return redirect_to_login(on_this_site(request, request.headers.get("referer", "")))


class LoginForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "The name or the password is wrong. Passwords are case-sensitive.",
        "inactive": "This account was deactivated; ask an administrator.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Username"

    def clean(self) -> dict[str, Any]:
        seconds = login_attempts.wait_seconds(self.request, self.cleaned_data.get("username", ""))
        if seconds:
            raise ValidationError(
                f"Too many wrong passwords. Try again in {max(1, round(seconds / 60))} min.", code="too_many"
            )
        return super().clean()

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if provider := people.only_by(user):
            raise ValidationError(
                f"{provider.organization} lets you log in by {provider} alone.", code="by_provider"
            )


class LoginPage(LoginView):
    """`login_not_required` comes with Django's own view."""

    authentication_form = LoginForm
    template_name = "console/login.html"
    redirect_authenticated_user = True

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """Django's own lets pass what is no path, too: to a redirect that is the name of a view."""
        asked = self.request.POST.get("next") or self.request.GET.get("next") or ""
        return on_this_site(self.request, asked)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        return entering.enter(self.request, form.get_user(), self.get_success_url())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the providers that are offered to all, or the one whose address this is."""
        offered = IdentityProvider.objects.filter(is_enabled=True)
        if slug := self.kwargs.get("slug"):
            offered = offered.filter(pk=get_object_or_404(offered, slug=slug).pk)
        else:
            offered = offered.filter(is_listed=True)
        return super().get_context_data(
            offered=offered[:MOST_OFFERED],
            are_passkeys_offered=not passkeys.fault_of(self.request),
            **kwargs,
        )

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_invalid(form)
        if form.has_error(NON_FIELD_ERRORS, "too_many"):
            answer.status_code = HTTPStatus.TOO_MANY_REQUESTS
        return answer


@login_not_required
def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin has no login of its own, which would ask for a password alone."""
    if request.user.is_authenticated:
        raise PermissionDenied("Only administrators of everything may open the admin.")
    return redirect_to_login(on_this_site(request, request.GET.get("next", reverse("admin:index"))))


@login_not_required
@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """Who came by an identity provider is still logged in there, and is shown the way out."""
    by = request.session.get(entering.PROVIDER) or {}
    logout(request)
    if not by.get("end"):
        return redirect("login")
    request.session[LEFT] = by
    return redirect("logged_out")


@login_not_required
@require_GET
def logged_out(request: HttpRequest) -> HttpResponse:
    """With a link to the provider's end of session: a form may lead to no other site."""
    by = request.session.get(LEFT)
    if not by or request.user.is_authenticated:
        return redirect("login")
    back = {
        "post_logout_redirect_uri": f"{settings.CONSOLE_URL}{reverse('login')}",
        "client_id": by["client_id"],
    }
    hint = {"id_token_hint": by["hint"]} if by["hint"] else {}
    end = f"{by['end']}{'&' if '?' in by['end'] else '?'}{urlencode(hint | back)}"
    return render(request, "console/logged_out.html", {"name": by["name"], "end": end})


@require_POST
def switch_scope(request: Request) -> HttpResponse:
    """Work in another environment from now on, starting at the place one is at."""
    visible = Environment.objects.known_to(request.user)
    environment = get_object_or_404(visible, pk=_uuid(request.POST.get("environment", "")))
    scope.enter(request, environment)
    return redirect(_same_place(request))


@login_not_required
@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark, or (empty) what the system says, in a cookie of this browser."""
    theme = request.POST.get("theme", "")
    if theme not in (*THEMES, ""):
        return HttpResponseBadRequest("The theme is light, dark or empty.")
    response = redirect(on_this_site(request, request.POST.get("next", "")))
    if theme:
        response.set_cookie("theme", theme, max_age=YEAR_SECONDS, samesite="Lax", httponly=True)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response


def _same_place(request: HttpRequest) -> str:
    """The list of the area one was in: an object of the old environment would switch back at once."""
    before = on_this_site(request, request.POST.get("next", "") or request.headers.get("referer", ""))
    area = before.split("?")[0].split("/")[1:2] if before.startswith("/") else []
    return f"/{area[0]}" if area and area[0] in ("gateways", "apis", "policies", "analytics") else "/"


def on_this_site(request: HttpRequest, address: str) -> str:
    """The path of an address on this site; "/" for any other."""
    if not url_has_allowed_host_and_scheme(address, {request.get_host()}, request.is_secure()):
        return "/"
    path = address.removeprefix(f"{request.scheme}://{request.get_host()}")
    # What is left may be another site's address by itself: //evil.
    return path if path.startswith("/") and url_has_allowed_host_and_scheme(path, None) else "/"


def _uuid(text: str) -> str | None:
    from uuid import UUID

    try:
        return str(UUID(text))
    except ValueError:
        return None
