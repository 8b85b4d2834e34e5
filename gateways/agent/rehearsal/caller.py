"""Sends a request as its caller would: from the caller's address, byte for byte as it was given."""

import os
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from gateways.agent.host.sockets import address
from gateways.agent.rehearsal.isolated import entrance
from gateways.agent.translate import ir
from gateways.protocol.rehearsal import Answer, Request, shown

MOST_READ_BYTES = 16 * 1024 * 1024
_PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class CallOutcome:
    """The answer; without one, why there is none."""

    answer: Answer | None = None
    content: bytes = b""
    reason: str = ""
    is_late: bool = False


def call(folder: Path, listener: ir.Listener, request: Request) -> CallOutcome:
    """The listener is the API's own; its socket is in the folder."""
    port, tls = listener.port, listener.tls
    deadline = time.monotonic() + request.seconds
    try:
        with address(folder / entrance(port)) as place, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(request.seconds)
            connection.connect(place)
            connection.sendall(_introduction(request.caller, port))
            if tls is None:
                return _asked(connection, request, port, deadline)
            with _secured(connection, request) as secure:
                return _asked(secure, request, port, deadline)
    except TimeoutError:
        return CallOutcome(reason=f"there was no whole answer within {request.seconds:g} s", is_late=True)
    except ssl.SSLError as error:
        said = (error.reason or str(error)).lower().replace("_", " ")
        return CallOutcome(reason=f"the TLS connection failed: {said}{_hint(request, tls)}")
    except (OSError, HTTPException) as error:
        said = f"the gateway closed the connection without an answer ({error!r})"
        return CallOutcome(reason=f"{said}{_hint(request, tls)}")


def _hint(request: Request, tls: ir.InboundTls | None) -> str:
    """Why the gateway may have closed the connection without an answer."""
    is_missing = tls is not None and tls.requires_client_certificate and not request.certificate
    return "; this port asks for a client certificate, and none was given" if is_missing else ""


def _introduction(caller: str, port: int) -> bytes:
    """The PROXY protocol's line, with the caller's address and the port."""
    family, here = ("TCP6", "::1") if ":" in caller else ("TCP4", "127.0.0.1")
    return f"PROXY {family} {caller} {here} 50000 {port}\r\n".encode()


def _secured(connection: socket.socket, request: Request) -> ssl.SSLSocket:
    """Trusts whatever the gateway shows: the connection does not leave this machine."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if request.certificate:
        _show(context, request)
    return context.wrap_socket(connection, server_hostname=_host(request) or None)


def _show(context: ssl.SSLContext, request: Request) -> None:
    """Certificates are read from files only; this one is in memory."""
    descriptor = os.memfd_create("certificate")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(f"{request.certificate}\n{request.key.get_secret_value()}\n".encode())
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def _asked(connection: socket.socket, request: Request, port: int, deadline: float) -> CallOutcome:
    # A request that is refused half-way has its answer already.
    with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
        connection.sendall(_written(request, port))
    response = HTTPResponse(connection, method=request.method)
    response.begin()
    content = b""
    while len(content) < MOST_READ_BYTES:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        piece = response.read1(_PIECE_BYTES)
        if not piece:
            break
        content += piece
    headers = tuple((name.lower(), value) for name, value in response.getheaders())
    fields = {"status": response.status, "headers": headers, **shown(content)}
    return CallOutcome(Answer.model_validate(fields), content)


def _written(request: Request, port: int) -> bytes:
    """Only what a request cannot do without is added: a host, and how long its body is."""
    names = {name.lower() for name, _ in request.headers}
    content, added = request.content, []
    if "host" not in names:
        added.append(("Host", f"localhost:{port}"))
    if content and not names & {"content-length", "transfer-encoding"}:
        added.append(("Content-Length", str(len(content))))
    lines = [f"{name}: {value}" for name, value in (*added, *request.headers)]
    head = "\r\n".join([f"{request.method} {request.target} HTTP/1.1", *lines])
    return head.encode() + b"\r\n\r\n" + content


def _host(request: Request) -> str:
    host = next((value for name, value in request.headers if name.lower() == "host"), "localhost")
    return host.partition(":")[0] if not host.startswith("[") else ""
