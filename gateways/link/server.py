"""The HTTP server of the link process: uvicorn, which lets go of whoever takes nothing.

uvicorn closes a connection once all that was written has been taken, which an agent that does not read
can put off for ever: the application is given the transport, to abort it. Where an agent is simply gone,
unseen behind a NAT that forgot it, the kernel gives the connection up.
"""

import resource
import socket
from typing import Any

import uvicorn
from starlette.types import Receive, Scope, Send

from gateways.link.app import TRANSPORT, Link
from gateways.protocol.prompt import Prompt

GRACEFUL_SECONDS = 2
UNTAKEN_SECONDS = 30
BACKLOG = 2048


def run(host: str, port: int) -> None:
    """Until SIGTERM or SIGINT. Raises OSError where it cannot listen."""
    _allow_many_connections()
    link = Link()
    config = uvicorn.Config(
        link.app(),
        http=_Protocol,
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        headers=[("Connection", "close")],
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=BACKLOG) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * UNTAKEN_SECONDS)
        _Server(config, link).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Ends the streams before it waits for their end."""

    def __init__(self, config: uvicorn.Config, link: Link) -> None:
        super().__init__(config)
        self._link = link

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._link.end()
        await super().shutdown(sockets)


class _Protocol(Prompt):
    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope[TRANSPORT] = transport
            await inner(scope, receive, send)

        self.app = app


def _allow_many_connections() -> None:
    """A file descriptor for each: as many as the machine lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
