"""Personal tokens of the people whom one administers: looked at, and revoked."""

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from console.listing import asked, listing
from console.pages.administration.access import administered
from console.scope import Request
from console.tokens import changes
from console.tokens.models import PersonalToken


def tokens(request: Request) -> HttpResponse:
    """Those that work."""
    administered(request)
    found = PersonalToken.objects.administered_by(request.user).live()
    if query := asked(request):
        found = found.filter(Q(name__icontains=query) | Q(user__username__icontains=query))
    found = found.select_related("user", "environment__organization")
    shown = listing(request, "personal-tokens", "personal token", found, searches="name or user")
    page, part = "console/administration/tokens.html", "console/administration/_tokens.html"
    return shown.answer(request, page, part, {})


@require_POST
def revoke(request: Request, pk: int) -> HttpResponse:
    administered(request)
    found = PersonalToken.objects.administered_by(request.user).select_related("user")
    token = get_object_or_404(found, pk=pk)
    changes.revoke(request.user, token)
    messages.success(request, f"The token {token} of {token.user} was revoked; it no longer works.")
    return redirect("personal_tokens")
