"""The overview of an environment: its state in four figures, what to do next, what changed last."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console.models import AuditEntry

RECENT_CHANGES = 8


def home(request: HttpRequest) -> HttpResponse:
    environment = request.scope.environment  # type: ignore[attr-defined]
    entries = AuditEntry.objects.filter(environment=environment)[:RECENT_CHANGES] if environment else []
    return render(request, "console/home.html", {"entries": entries})
