"""Names and values of HTTP headers as people write them into policies."""

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from policies.repeats import CASELESS

TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
MOST_BYTES = 16384
"""Envoy takes no longer value."""
_SIGN = "[^a-z0-9]"
_SIGN_OF_NAME = re.compile("[^A-Za-z0-9]")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


CONNECTION = frozenset(
    (
        "connection",
        "content-length",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    )
)
"""What says where a message ends, and what holds for one connection alone (RFC 9110, 7.6.1)."""
_ORDERS = "x-envoy-"
SINGLE = frozenset(
    (
        "access-control-allow-origin",
        "age",
        "authorization",
        "content-encoding",
        "content-location",
        "content-range",
        "content-type",
        "date",
        "etag",
        "expires",
        "from",
        "if-modified-since",
        "if-range",
        "if-unmodified-since",
        "last-modified",
        "location",
        "max-forwards",
        "origin",
        "referer",
        "retry-after",
        "server",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-request-id",
    )
)
"""Headers that can stand only once: they are overwritten where others get a second value."""


def _checked_token(name: str) -> str:
    if not TOKEN.fullmatch(name):
        raise PydanticCustomError(
            "header_name",
            '"{name}" is not a header name; use letters, digits and hyphens, such as x-request-source',
            {"name": name},
        )
    return name


def _checked_name(name: str) -> str:
    _checked_token(name)
    if name.lower() == "host":
        raise PydanticCustomError(
            "header_name", '"host" cannot be set here; the gateway sets it to the address of the upstream'
        )
    return name


HeaderName = Annotated[str, AfterValidator(_checked_name), CASELESS]


def is_own(name: str) -> bool:
    """Whether a policy, or a server that it asks, may write a header of this name in lower case."""
    return name not in CONNECTION and not name.startswith(_ORDERS)


def _checked_own(name: str) -> str:
    lower = name.lower()
    if lower in CONNECTION:
        reason = (
            "cannot be set: it tells where a message ends or how one connection is used, and a second word on"
            " that lets requests be smuggled past policies"
        )
    elif lower.startswith(_ORDERS):
        reason = "cannot be set: the gateway's proxy would take it as an order; use x- and a name of your own"
    else:
        return name
    raise PydanticCustomError("header_name", '"{name}" {reason}', {"name": name, "reason": reason})


OwnHeaderName = Annotated[HeaderName, AfterValidator(_checked_own)]
"""Of a header that a policy may write."""


def _checked_asked(name: str) -> str:
    if name.lower() == "expect":
        raise PydanticCustomError(
            "header_name", '"expect" cannot be set: the gateway has answered it before the upstream is asked'
        )
    return name


def _checked_sent(name: str) -> str:
    _checked_token(name)
    if name.lower() in CONNECTION - {"content-length"}:
        raise PydanticCustomError(
            "header_name",
            '"{name}" holds for one connection alone, and is gone before policies run',
            {"name": name},
        )
    return name


SentHeaderName = Annotated[str, AfterValidator(_checked_sent), CASELESS]
"""Of a header that callers may send and a policy looks at."""
RequestHeaderName = Annotated[OwnHeaderName, AfterValidator(_checked_asked)]


def _checked_or_none(name: str) -> str:
    return _checked_asked(_checked_own(_checked_name(name))) if name else name


RequestHeaderNameOrNone = Annotated[str, AfterValidator(_checked_or_none)]
"""The same, or "" where none is to be written."""


def spelled(name: str) -> str:
    """An expression for the name in all spellings in which another sign stands for one of its own: to some
    servers x_user and x.user are x-user.
    """
    return _SIGN.join(_SIGN_OF_NAME.split(name.lower()))


def checked_value(value: str) -> str:
    """Raises PydanticCustomError for a value that would end its header line."""
    if CONTROL.search(value):
        raise PydanticCustomError(
            "header_value", "a header's value cannot hold line breaks or control characters; remove them"
        )
    if (count := len(value.encode())) > MOST_BYTES:
        raise PydanticCustomError(
            "header_value",
            "a header's value has at most {most} bytes, this one {count}",
            {"most": MOST_BYTES, "count": count},
        )
    return value
