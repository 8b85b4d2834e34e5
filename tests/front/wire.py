"""HTTP/1 as raw text, for what no client library would send."""

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


def answer(port: int, request: str) -> tuple[int, str]:
    """The status and the whole answer to one request, on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request.encode())
        told = b""
        # Envoy closes a connection seconds after an answer to what it could not read.
        while not _is_whole(told) and (chunk := connection.recv(65536)):
            told += chunk
    text = told.decode(errors="replace")
    return int(text.split(" ", 2)[1]), text


def _is_whole(told: bytes) -> bool:
    """Where the answer says how long its body is."""
    head, end, body = told.partition(b"\r\n\r\n")
    length = re.search(rb"^content-length: ([0-9]+)\r?$", head, re.IGNORECASE | re.MULTILINE)
    return bool(end and length and len(body) >= int(length[1]))


@contextmanager
def held_open(
    port: int, count: int, beginning: bytes, *, receive_bytes: int = 0
) -> Iterator[list[socket.socket]]:
    """So many connections that have sent `beginning`, and neither send nor read on."""
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            if receive_bytes:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            connection.settimeout(20)
            connection.connect(("127.0.0.1", port))
            connection.sendall(beginning)
            opened.append(connection)
        yield opened
