"""Messages of a request that htmx made reach the page as toasts."""

from collections.abc import Callable

from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django_htmx.http import trigger_client_event

from console.templatetags.ui import tone


class ToastMiddleware:
    """Moves messages that a fragment did not show into its HX-Trigger header.

    A response that sends the browser elsewhere leaves them for the page it opens.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        leaves = 300 <= response.status_code < 400 or "HX-Redirect" in response or "HX-Refresh" in response
        messages = get_messages(request)
        unshown = not getattr(messages, "used", True)
        if request.htmx and unshown and not leaves:  # type: ignore[attr-defined]
            toasts = [{"text": str(message), "tone": tone(message.level_tag)} for message in messages]
            if toasts:
                trigger_client_event(response, "toasts", {"value": toasts})
        return response
