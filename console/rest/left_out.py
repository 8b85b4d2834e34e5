"""Names of a body that say nothing: the header Warning of the answer tells them."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

from console.rest.preconditions import warning

_told: ContextVar[dict[str, str] | None] = ContextVar("left out of bodies", default=None)


def tell(names: Mapping[str, str]) -> None:
    """What is to be said of each; of a request's many equal ones once."""
    told = _told.get()
    if told is not None:
        told.update(names)


class LeftOutMiddleware:
    """Adds what was told while the request was answered to the header Warning."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        told: dict[str, str] = {}
        token = _told.set(told)
        try:
            answer = self.get_response(request)
        finally:
            _told.reset(token)
        for name, text in warning({name: [text] for name, text in told.items()}).items():
            answer[name] = ", ".join(filter(None, (answer.get(name), text)))
        return answer
