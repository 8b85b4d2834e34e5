"""Who an agent's request speaks for, and the frame of every endpoint that agents call.

    @agent_endpoint("POST", Heartbeat)
    def heartbeats(request: HttpRequest, caller: Caller, heartbeat: Heartbeat) -> Answer: ...

A refused request changes nothing and is logged.
"""

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import RawPostDataException
from django.views.decorators.csrf import csrf_exempt
from pydantic import BaseModel, ValidationError

from console.numbers import number
from gateways.models import Gateway, SeenToken
from gateways.protocol import faults, trust
from gateways.protocol.messages import (
    CLOCK_SKEW_SECONDS,
    CONSOLE,
    KNOWS_CONTRACTS,
    KNOWS_HEADER,
    KNOWS_SERVICES,
)

BODY_LIMIT = 1024 * 1024

log = logging.getLogger(__name__)
M = TypeVar("M", bound=BaseModel)


class RequestRefused(Exception):
    """An agent's request that is not answered; the message says what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Caller:
    """A verified request's gateway, and which of its replicas sent it."""

    gateway: Gateway
    replica_id: uuid.UUID


def authenticate(request: HttpRequest) -> Caller:
    """Verify the request's signature and use it up. Raises RequestRefused with 401, or 403 when revoked."""
    authorization = request.headers.get("Authorization", "")
    return verify(authorization, request.method or "", _path(request), request.body)


def verify(authorization: str, method: str, path: str, body: bytes = b"") -> Caller:
    """The same for a request that is not one of Django's."""
    try:
        gateway = _gateway(trust.claimed_issuer(authorization))
        claims = trust.verify(
            authorization,
            gateway.public_key,
            issuer=str(gateway.pk),
            audience=CONSOLE,
            method=method,
            path=path,
            body=body,
        )
        replica_id = uuid.UUID(claims.sub)
    except trust.Untrusted as error:
        raise RequestRefused(401, str(error)) from error
    except ValueError as error:
        raise RequestRefused(401, "the request does not say which replica signed it") from error
    if gateway.is_revoked:
        raise RequestRefused(403, f'the gateway "{gateway}" was revoked in the console; register it anew')
    _use_up(claims.jti, claims.exp)
    return Caller(gateway, replica_id)


def agent_endpoint(
    method: str, model: type[BaseModel] | None = None, *, limit: int = BODY_LIMIT, signed: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., HttpResponse]]:
    """Make a view of a function (request, caller?, parsed body?) that returns a pydantic model, a dict or
    a response. It gets `caller` when `signed`, the body when there is a `model`.
    """

    def decorate(view: Callable[..., Any]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @login_not_required
        @wraps(view)
        def endpoint(request: HttpRequest) -> HttpResponse:
            try:
                _check_shape(request, method, limit)
                caller = [authenticate(request)] if signed else []
                body = [_parse(model, request.body)] if model else []
                answer = view(request, *caller, *body)
            except RequestRefused as refused:
                log.warning(
                    "refused=agent-request path=%s status=%d from=%s reason=%r",
                    request.path,
                    refused.status,
                    request.META.get("REMOTE_ADDR"),
                    refused.message,
                )
                return JsonResponse({"message": refused.message}, status=refused.status)
            if isinstance(answer, HttpResponse):
                return answer
            if isinstance(answer, BaseModel):
                text = answer.model_dump_json(by_alias=True)
                headers = {KNOWS_HEADER: f"{KNOWS_CONTRACTS} {KNOWS_SERVICES}"}
                return HttpResponse(text, content_type="application/json", headers=headers)
            return JsonResponse(answer)

        return endpoint

    return decorate


def _check_shape(request: HttpRequest, method: str, limit: int) -> None:
    """Refuse before a byte of the body is read."""
    if request.method != method:
        raise RequestRefused(405, f"use {method}")
    length = request.headers.get("Content-Length") or "0"
    if "Transfer-Encoding" in request.headers or number(length) is None:
        raise RequestRefused(411, "send the body with its Content-Length")
    if int(length) > limit:
        raise RequestRefused(413, f"the body has {length} bytes; at most {limit} are taken")
    try:
        _ = request.body
    except (RequestDataTooBig, RawPostDataException) as error:
        raise RequestRefused(413, "the body is too large") from error


def _gateway(issuer: str) -> Gateway:
    try:
        return Gateway.objects.select_related("environment__organization", "book").get(pk=uuid.UUID(issuer))
    except (ValueError, Gateway.DoesNotExist) as error:
        raise RequestRefused(
            401, "no gateway of this registration exists; it was deleted, or the console is another one"
        ) from error


def _path(request: HttpRequest) -> str:
    query = request.META.get("QUERY_STRING", "")
    return request.path_info + (f"?{query}" if query else "")


def _use_up(jti: str, exp: int) -> None:
    until = datetime.fromtimestamp(exp + CLOCK_SKEW_SECONDS, UTC)
    try:
        with transaction.atomic():
            SeenToken.objects.create(jti=jti, expires_at=until)
    except IntegrityError as error:
        raise RequestRefused(401, "the request was answered before; sign a new one") from error


def _parse(model: type[M], body: bytes) -> M:
    if b"\\u0000" in body:
        raise RequestRefused(400, "the body holds a NUL character, which no text of ours may")
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestRefused(400, faults.first(error)) from error
