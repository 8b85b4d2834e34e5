"""How the REST interface answers when it refuses: `{"name", "message", "errors": [{"type", "message"}]}`."""

import json
import logging
from http import HTTPStatus
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, RequestDataTooBig, TooManyFieldsSent
from django.core.exceptions import ValidationError as RuleBroken
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from console.versions import Changed

logger = logging.getLogger(__name__)

Fault = tuple[str, str, str]
"""(field, message, type); the field is "" when none is to blame."""


VALUED = ("invalid", "min_value", "max_value", "max_length")
"""Codes of DRF's faults that are about a value and do not repeat it."""
LONGEST_VALUE = 80
SECRETS = ("password", "client_secret", "key")


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class PreconditionFailed(APIException):
    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "changed"
    default_detail = "It was changed since the version that If-Match names; read it again, then change it."


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. A broken rule is 400, or 409 when something else holds the value already."""
    if isinstance(error, RuleBroken):
        set_rollback()
        faults = list(_rule_faults(error))
        return _response(409 if any(kind == "conflict" for *_, kind in faults) else 400, faults)
    if isinstance(error, Changed):
        error = PreconditionFailed()
    if isinstance(error, RequestDataTooBig):
        error = TooLarge("The body is larger than this address takes.")
    if isinstance(error, TooManyFieldsSent):
        error = TooLarge("The body has more fields than this address takes.")
    response = exception_handler(error, context)
    if response is None:
        return None
    faults = _faults(error, response, context["request"])
    return _response(response.status_code, faults, dict(response.items()))


def body(code: int, faults: list[Fault]) -> dict[str, Any]:
    messages = [f"{field}: {message}" if field else message for field, message, _ in faults]
    phrase = HTTPStatus(code).phrase.replace(" ", "")
    return {
        "name": phrase if phrase.endswith("Error") else f"{phrase}Error",
        "message": " ".join(messages),
        "errors": [
            {"type": kind, "message": message} | ({"field": field} if field else {})
            for field, message, kind in faults
        ],
    }


def _response(code: int, faults: list[Fault], headers: dict[str, str] | None = None) -> Response:
    kept = {name: value for name, value in (headers or {}).items() if name.lower() != "content-type"}
    return Response(body(code, faults), status=code, headers=kept)


def _rule_faults(error: RuleBroken) -> list[Fault]:
    fields = error.error_dict if hasattr(error, "error_dict") else {NON_FIELD_ERRORS: error.error_list}
    return [
        ("" if field == NON_FIELD_ERRORS else field, message, fault.code or "invalid")
        for field, found in fields.items()
        for fault in found
        for message in fault.messages
    ]


def _sent(request: Request) -> Any:
    """What a serializer found fault with: the query of a request that has no body, else the body."""
    return request.query_params if request.method in ("GET", "HEAD", "DELETE") else request.data


def _faults(error: Exception, response: Response, request: Request) -> list[Fault]:
    if isinstance(error, ValidationError):
        return _flat(error.detail, "", _sent(request))
    detail = getattr(error, "detail", None) or response.data.get("detail", "Not found.")
    kind = getattr(detail, "code", None) or getattr(error, "default_code", "not_found")
    return [("", str(detail), str(kind))]


def _flat(detail: Any, place: str, sent: Any) -> list[Fault]:
    """Serializer errors, nested as the body is, as a flat list with dotted places."""
    if isinstance(detail, dict):
        items = list(detail.items())
    elif isinstance(detail, list) and any(isinstance(value, dict | list) for value in detail):
        items = list(enumerate(detail))
    else:
        found = detail if isinstance(detail, list) else [detail]
        return [(place, _told(place, fault, sent), getattr(fault, "code", "invalid")) for fault in found]
    return [
        fault
        for key, value in items
        for fault in (
            _flat(value, place, sent)
            if key == "non_field_errors"
            else _flat(value, f"{place}.{key}".lstrip("."), _part(sent, key))
        )
    ]


def _part(sent: Any, key: Any) -> Any:
    try:
        return sent[key]
    except (KeyError, IndexError, TypeError):
        return None


def _told(place: str, fault: Any, sent: Any) -> str:
    """DRF's words, with the value they are about: most of them leave it out."""
    is_plain = isinstance(sent, str | int | float) and sent != "" and place not in SECRETS
    value = json.dumps(sent, ensure_ascii=False) if is_plain else ""
    if getattr(fault, "code", "") not in VALUED or not 0 < len(value) <= LONGEST_VALUE:
        return str(fault)
    return f"{str(fault).rstrip('.')}, not {value}."
