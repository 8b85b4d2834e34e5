"""ETag and If-Match: a client that says which version it saw overwrites no other."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response


def seen(request: Request) -> str:
    """The versions that the request may change, separated by commas; "" when it does not say."""
    tags = [
        tag.strip().removeprefix("W/").strip('"') for tag in request.headers.get("If-Match", "").split(",")
    ]
    return "" if "*" in tags else ",".join(filter(None, tags))


def answer(shape: Any, version: str, status: int = 200) -> Response:
    """With the version of what it shows."""
    return Response(shape, status=status, headers={"ETag": f'"{version}"'})
