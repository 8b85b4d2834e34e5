"""The authorizer: a process beside Envoy that asks the network for policies.

    python -m gateways.agent.authorizer.server STATE [--played SOCKET]

It listens on a socket in the state folder, which its owner alone can reach, and speaks HTTP:
POST /QUESTION with the credential as body.
"""

import argparse
import asyncio
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from gateways.agent.authorizer.desk import Desk, NoQuestion
from gateways.agent.authorizer.network import Outside, Played
from gateways.agent.authorizer.remembered import Remembered
from gateways.agent.host import garbage
from gateways.agent.host.sockets import address
from policies.answers.question import AT_ONCE, SOCKET

MOST_BYTES = 65536
LEAVING_SECONDS = 10

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


def main() -> int:
    garbage.collect_seldom()
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--played", type=Path)
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.WARNING)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listening = listen(arguments.state)
    asyncio.run(_serve(arguments.state, arguments.played, listening))
    return 0


def listen(state: Path) -> socket.socket:
    """Takes the socket's place in one step: requests find the old process or the new one."""
    beside = state / f".{SOCKET}.{os.getpid()}"
    beside.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with address(beside) as place:
        listening.bind(place)
    beside.chmod(0o600)
    listening.listen(AT_ONCE)
    beside.rename(state / SOCKET)
    return listening


async def _serve(state: Path, played: Path | None, listening: socket.socket) -> None:
    remembered = Remembered(state)
    desk = Desk(state, Played(str(played)) if played else Outside(), remembered)
    config = uvicorn.Config(
        _app(desk),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=LEAVING_SECONDS,
    )
    looking = asyncio.create_task(desk.forget_gone())
    server = _Server(config, remembered)
    await server.serve(sockets=[listening])
    looking.cancel()
    with suppress(asyncio.CancelledError):
        await looking


class _Server(uvicorn.Server):
    """Gives up the memory as soon as it is told to end: the server that follows writes to it then."""

    def __init__(self, config: uvicorn.Config, remembered: Remembered) -> None:
        super().__init__(config)
        self._remembered = remembered

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._remembered.release()
        # uvicorn raises the signal again once it has ended; nothing may come of it then.
        self.should_exit = True
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _app(desk: Desk) -> Callable[[Any, Receive, Send], Awaitable[None]]:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        credential = await _body(receive)
        status, text, kind = 404, b"", "0"
        if credential:
            with suppress(NoQuestion):
                name, digest = scope["path"].lstrip("/"), headers.get(b"x-digest", "")
                caller = headers.get(b"x-caller", "").rpartition(":")[0]
                text = await desk.answer(name, digest, caller, credential)
                status, kind = 200, "1"
        told = [(b"x-gatewright-answer", kind.encode()), (b"content-length", str(len(text)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": told})
        await send({"type": "http.response.body", "body": text})

    return app


async def _body(receive: Receive) -> bytes:
    """Nothing where it is too long, or the asker is gone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        body += bytes(message.get("body", b""))
        if len(body) > MOST_BYTES:
            return b""
        if not message.get("more_body"):
            return body


if __name__ == "__main__":
    sys.exit(main())
