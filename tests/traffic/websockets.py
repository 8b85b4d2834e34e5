"""WebSocket connections through gateways that limit them, and an upstream that takes them."""

import os
import socket
import socketserver

from tests.traffic.gateway import Gateway
from tests.traffic.raw import connected

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: NAME}
spec:
  address: http://127.0.0.1:${port}/NAME
  services: {upstream: {address: "http://127.0.0.1:${sockets}"}}
  policies:
    - policyRef: {name: websocket-connection-limit-flex}
      config: {maximumConnections: MAXIMUM, distributed: DISTRIBUTED}
      mode: MODE
"""
ASKED = (
    "GET /{name}{path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: WebSocket\r\n"
    "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Sockets(socketserver.ThreadingTCPServer):
    """Accepts upgrades, but for /refuse, and echoes."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.open: list[socket.socket] = []


class _Handler(socketserver.StreamRequestHandler):
    server: Sockets

    def handle(self) -> None:
        while (line := self.rfile.readline()) and b"HTTP/1" in line:
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            if b"/refuse" in line or b"/plain" in line:
                self.wfile.write(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n")
                continue
            self.wfile.write(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            self.server.open.append(self.request)
            while text := self.request.recv(100):
                self.wfile.write(text)
            return


class Limited:
    """An API of a test's own, and what it has open."""

    def __init__(self, gateway: Gateway, name: str = "") -> None:
        self.gateway = gateway
        self.name = name or f"n{os.urandom(4).hex()}"
        self.open: list[socket.socket] = []

    def serve(self, maximum: int, mode: str = "enforce", *, distributed: bool = False) -> None:
        text = API.replace("NAME", self.name).replace("MAXIMUM", str(maximum)).replace("MODE", mode)
        text = text.replace("DISTRIBUTED", str(distributed).lower())
        ack = self.gateway.apply(text)
        assert not [one.reason for one in ack.resources if one.reason], ack.resources

    def connect(self, path: str = "/chat") -> int:
        """The status; what became a WebSocket stays open."""
        one = connected(self.gateway.port)
        one.sendall(ASKED.format(name=self.name, path=path).encode())
        status = int(one.recv(4096).split()[1])
        if status == 101:
            self.open.append(one)
        else:
            one.close()
        return status

    def close(self) -> None:
        for one in self.open:
            one.close()
        self.open.clear()
