"""How the REST interface answers when it refuses."""

from typing import Any

from rest_framework.response import Response
from rest_framework.views import exception_handler


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's own answer."""
    return exception_handler(error, context)
