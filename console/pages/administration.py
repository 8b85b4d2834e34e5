"""Where administration starts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console.models import User


def index(request: HttpRequest) -> HttpResponse:
    """The users of the organizations one may see."""
    organizations = request.user.organizations()  # type: ignore[union-attr]
    users = User.objects.filter(roles__organization__in=organizations).distinct().order_by("username")
    return render(request, "console/users.html", {"users": users})
