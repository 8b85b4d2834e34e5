"""ETag and If-Match: a client that says which version it saw overwrites no other."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

MOST_CHARACTERS = 4000
"""Of all warnings: proxies refuse longer headers."""


def seen(request: Request) -> str:
    """The versions that the request may change, separated by commas; "" when it does not say."""
    tags = [
        tag.strip().removeprefix("W/").strip('"') for tag in request.headers.get("If-Match", "").split(",")
    ]
    return "" if "*" in tags else ",".join(filter(None, tags))


def answer(
    shape: Any, version: str, status: int = 200, warnings: Mapping[str, Sequence[str]] | None = None
) -> Response:
    """With the version of what it shows; what is sound and probably not meant, by field, is in Warning."""
    headers = {"ETag": f'"{version}"', **warning(warnings or {})}
    return Response(shape, status=status, headers=headers)


def warning(warnings: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The header, where there is something to say."""
    said = [f"{field}: {text}" for field, texts in warnings.items() for text in texts]
    return {"Warning": ", ".join(map(_warning, said))[:MOST_CHARACTERS]} if said else {}


def _warning(text: str) -> str:
    """As RFC 7234 wrote them: a code, who warns, and a quoted text without characters of other alphabets."""
    plain = " ".join(text.split()).encode("ascii", "replace").decode()
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 gatewright "{quoted}"'
