"""The replica's own HTTP interface: probes ask it. It takes nothing and tells nothing else."""

import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateways.protocol.prompt import Prompt


class ControlUnavailable(RuntimeError):
    """The address to listen on cannot be had; the text says what to do."""


class ProbeServer:
    """Serves from a thread of its own. Who opens many connections and sends nothing takes neither the agent's
    descriptors nor the probes' answers: see `Prompt`.
    """

    def __init__(
        self,
        *,
        is_ready: Callable[[], bool],
        is_live: Callable[[], bool],
        head_seconds: float = 10,
        most: int = 200,
    ) -> None:
        self._protocol = type("Probing", (Prompt,), {"head_seconds": head_seconds, "most": most})
        self._is_ready = is_ready
        self._is_live = is_live
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
            self.app(),
            http=self._protocol,
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            headers=[("Connection", "close")],
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
                Route("/probes/readiness", _probe(self._is_ready)),
                Route("/probes/liveness", _probe(self._is_live)),
            ]
        )


def _probe(is_well: Callable[[], bool]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        well = await run_in_threadpool(is_well)
        return JSONResponse({"ok": well}, status_code=200 if well else 503)

    return answer
