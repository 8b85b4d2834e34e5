"""Requests that no polite client sends, written byte by byte."""

import socket


def http1(
    port: int, target: bytes, *, method: bytes = b"GET", host: bytes = b"x", headers: bytes = b""
) -> int:
    """The status of the answer to a target that is sent as it is; `headers` are lines with their ends."""
    with connected(port) as connection:
        connection.sendall(b"%b %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (method, target, host, headers))
        with connection.makefile("rb") as answer:
            return int(answer.readline().split()[1])


def http2(port: int, path: bytes, *, method: bytes = b"GET", sent: bytes = b"", ends: bool = True) -> bytes:
    """
    The body of the answer, over a connection of its own. No header tells of the body that is `sent`; one that
    does not end is still to come when the answer is read.
    """
    pseudo = {b":method": method, b":scheme": b"http", b":path": path, b":authority": b"x"}
    block = b"".join(b"\0%c%b%c%b" % (len(name), name, len(value), value) for name, value in pseudo.items())
    headers, settings, ends_stream, ends_headers = 1, 4, 1, 4
    with connected(port) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(settings, 0, 0))
        ends_here = ends_stream if ends and not sent else 0
        connection.sendall(_frame(headers, ends_headers | ends_here, 1, block))
        if sent:
            connection.sendall(_frame(0, ends_stream if ends else 0, 1, sent))
        with connection.makefile("rb") as answer:
            body, flags, stream = b"", 0, 0
            while not (stream == 1 and flags & ends_stream):
                head = answer.read(9)
                length, kind, flags, stream = head[:3], head[3], head[4], int.from_bytes(head[5:])
                payload = answer.read(int.from_bytes(length))
                body += payload if kind == 0 else b""
            return body


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def upgrade(server: socket.socket) -> None:
    """Answers one request with 101, and the first five bytes of what comes then with themselves."""
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
        )
        connection.sendall(connection.recv(5))


def _frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload
