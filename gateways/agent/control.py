"""The replica's own HTTP interface: the console pushes snapshots to it, probes ask it."""

import logging
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateways.agent import trust
from gateways.agent.apply import StaleSnapshot
from gateways.agent.intake import Intake
from gateways.agent.protocol import CONSOLE, SNAPSHOT_LIMIT, Claims
from gateways.agent.registration import Registration

log = logging.getLogger(__name__)


class ControlUnavailable(RuntimeError):
    """The address to listen on cannot be had; the text says what to do."""


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Control:
    """Serves from a thread of its own. `status` tells of the replica, `is_ready` answers the probe."""

    def __init__(
        self,
        registration: Registration,
        replica_id: str,
        intake: Intake,
        *,
        status: Callable[[], dict[str, Any]],
        is_ready: Callable[[], bool],
        is_live: Callable[[], bool],
    ) -> None:
        self._registration = registration
        self._replica_id = replica_id
        self._intake = intake
        self._status = status
        self._is_ready = is_ready
        self._is_live = is_live
        self._seen = trust.SeenTokens()
        self._server: uvicorn.Server | None = None

    def start(self, host: str, port: int) -> int:
        """Listen; the port, which is any free one for 0. Raises ControlUnavailable."""
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.create_server((host, port), family=family)
        except OSError as error:
            raise ControlUnavailable(
                f"control address {host}:{port}: {error.strerror}; choose another with --control-host and "
                "--control-port (0 is any free port)"
            ) from error
        config = uvicorn.Config(
            self.app(), log_config=None, log_level="warning", access_log=False, lifespan="off"
        )
        self._server = uvicorn.Server(config)
        run = {"sockets": [listener]}
        threading.Thread(target=self._server.run, kwargs=run, name="control", daemon=True).start()
        return int(listener.getsockname()[1])

    def stop(self) -> None:
        if self._server:
            self._server.should_exit = True

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/snapshot", self._put_snapshot, methods=["PUT"]),
                Route("/v1/status", self._get_status),
                Route("/probes/readiness", _probe(self._is_ready)),
                Route("/probes/liveness", _probe(self._is_live)),
            ],
            exception_handlers={_Refused: _refuse},
        )

    async def _put_snapshot(self, request: Request) -> Response:
        try:
            self._verify(request, body=None)
        except _Refused:
            await _pass_over_body(request)
            raise
        body = await _body(request)
        self._check(request, body)
        try:
            ack = await run_in_threadpool(self._intake.push, body)
        except StaleSnapshot as stale:
            raise _Refused(409, str(stale)) from stale
        return Response(
            ack.model_dump_json(by_alias=True),
            media_type="application/json",
            background=BackgroundTask(self._intake.settle),
        )

    async def _get_status(self, request: Request) -> Response:
        self._check(request, b"")
        return JSONResponse(await run_in_threadpool(self._status))

    def _check(self, request: Request, body: bytes) -> None:
        """Let only the console through, and each of its requests once."""
        if self._seen.is_replay(self._verify(request, body)):
            raise _Refused(401, "the request was answered before")

    def _verify(self, request: Request, body: bytes | None) -> Claims:
        """What the console signed for this replica. The body may not be read yet."""
        try:
            claims = trust.verify(
                request.headers.get("Authorization", ""),
                self._registration.console_public_key,
                issuer=CONSOLE,
                audience=self._registration.gateway_id,
                method=request.method,
                path=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
                body=body,
            )
        except trust.Untrusted as error:
            raise _Refused(401, str(error)) from error
        if claims.sub != self._replica_id:
            raise _Refused(401, "the request was signed for another replica")
        return claims


async def _body(request: Request) -> bytes:
    return b"".join([chunk async for chunk in _chunks(request)])


async def _pass_over_body(request: Request) -> None:
    """Who still sends does not hear why it is refused. None of it is kept: anyone may send."""
    async for _ in _chunks(request):
        pass


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    """The body, read no further than the limit."""
    too_large = _Refused(413, f"the body is larger than {SNAPSHOT_LIMIT} bytes")
    if int(request.headers.get("Content-Length") or 0) > SNAPSHOT_LIMIT:
        raise too_large
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > SNAPSHOT_LIMIT:
                raise too_large
            yield chunk
    except ClientDisconnect as error:
        raise _Refused(400, "the body ended early") from error


async def _refuse(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, _Refused)
    sender = request.client.host if request.client else "?"
    log.warning(
        "refused=control-request path=%s status=%d from=%s reason=%r",
        request.url.path,
        refused.status,
        sender,
        refused.message,
    )
    return JSONResponse({"message": refused.message}, status_code=refused.status)


def _probe(is_well: Callable[[], bool]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        well = await run_in_threadpool(is_well)
        return JSONResponse({"ok": well}, status_code=200 if well else 503)

    return answer
