"""A port of loopback for a server of a test."""

import os
import random
import socket
from itertools import cycle

_OF_A_WORKER = 1000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 16
_FIRST = 16_000 + _WORKER * _OF_A_WORKER
"""Below those that Linux gives to connections: one of these could take it before the server does."""
_ports = cycle(random.sample(range(_FIRST, _FIRST + _OF_A_WORKER), _OF_A_WORKER))


def free_port() -> int:
    """Each worker has ports of its own, and gets one anew when it has had all others."""
    for port in _ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("there is no end")
