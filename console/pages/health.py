"""GET /healthz: whether each part of the console works."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from console.pages import parts


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when every part is up, else 503; each part says "up", or what is wrong with it."""
    found = parts.look()
    is_up = all(part.is_up for part in found)
    told = {"status": "up" if is_up else "down", "parts": {part.name: part.state for part in found}}
    answer = JsonResponse(told, status=200 if is_up else 503)
    answer._has_been_logged = True  # type: ignore[attr-defined]  # probes ask every few seconds
    return answer
