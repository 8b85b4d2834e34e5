"""PostgreSQL and Valkey for whoever needs them for a while: each unless an address of another is given."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.stack import account, places, postgres, valkey
from console.stack.supervisor import Supervisor


def start(home: Path, supervisor: Supervisor, *, durable: bool = True) -> None:
    """Start what DATABASE_URL and REDIS_URL do not replace, and wait until it answers."""
    needed = [
        server
        for variable, server in (("REDIS_URL", valkey), ("DATABASE_URL", postgres))
        if not os.environ.get(variable)
    ]
    if not needed:
        return
    who = account.unprivileged(home / "servers")
    folder = places.prepare(home, who)
    if valkey in needed:
        supervisor.start(valkey.program(home, folder, who))
    if postgres in needed:
        supervisor.start(postgres.program(home, folder, who, durable=durable))
    for server in needed:
        server.wait_until_ready(home, supervisor.check)


@contextmanager
def running(home: Path, *, durable: bool = True) -> Iterator[None]:
    """The servers, from start to stop."""
    supervisor = Supervisor(home, say=lambda line: None)
    try:
        start(home, supervisor, durable=durable)
        yield
    finally:
        supervisor.stop()
        places.clear(home)
