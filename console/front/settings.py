"""What the front is told by the environment: where it listens, whom it stands before, its certificate."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from console import environment

UNIX = "unix:"
SOCKET_PATH_BYTES = 107


@dataclass(frozen=True)
class Backend:
    """One that requests are passed on to: a Unix socket, or a host and a port."""

    host: str
    port: int = 0

    @property
    def is_socket(self) -> bool:
        return self.port == 0

    @property
    def is_named(self) -> bool:
        """Whether its address has to be looked up."""
        if self.is_socket:
            return False
        try:
            ip_address(self.host)
        except ValueError:
            return True
        return False


@dataclass(frozen=True)
class FrontTls:
    """Files in PEM: the certificate with those of its issuers, and its private key."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class Front:
    """`local_port` is one of loopback that serves plain HTTP to programs of this machine; 0 for none."""

    folder: Path
    host: str
    port: int
    servers: tuple[Backend, ...]
    links: tuple[Backend, ...] = ()
    trusted: tuple[IPv4Network | IPv6Network, ...] = ()
    tls: FrontTls | None = None
    redirect_port: int = 0
    local_port: int = 0
    name: str = "localhost"
    """The host for callers who name none, as HTTP/1.0 allows."""
    public_port: int = 0
    """Where browsers reach it with TLS; 0 for `port`."""


def read() -> Front:
    """From the environment. Raises ImproperlyConfigured, naming the variable."""
    home = environment.home(Path(".gatewright"))
    port = environment.port("GATEWRIGHT_CONSOLE_PORT", 8000)
    url = urlsplit(os.environ.get("GATEWRIGHT_CONSOLE_URL", ""))
    certificate = tls()
    redirect_port = environment.port("GATEWRIGHT_REDIRECT_PORT", 0)
    if redirect_port and not certificate:
        raise ImproperlyConfigured(
            "GATEWRIGHT_REDIRECT_PORT leads from http:// to https://: set GATEWRIGHT_TLS_CERT and "
            "GATEWRIGHT_TLS_KEY too, or leave it out."
        )
    return Front(
        folder=home / "front",
        host=_listening_address(os.environ.get("GATEWRIGHT_CONSOLE_HOST") or "127.0.0.1"),
        port=port,
        servers=_servers("GATEWRIGHT_FRONT_SERVERS", "127.0.0.1:8001"),
        links=_servers("GATEWRIGHT_FRONT_LINKS", ""),
        trusted=environment.networks("GATEWRIGHT_TRUSTED_PROXIES"),
        tls=certificate,
        redirect_port=redirect_port,
        local_port=environment.port("GATEWRIGHT_FRONT_LOCAL_PORT", 0),
        name=url.netloc or f"localhost:{port}",
        public_port=(url.port or 443) if url.scheme == "https" else 0,
    )


def tls(environ: Mapping[str, str] = os.environ) -> FrontTls | None:
    """The certificate and the key that were given. Raises ImproperlyConfigured when only one was."""
    given = {name: environ.get(f"GATEWRIGHT_TLS_{name}", "") for name in ("CERT", "KEY")}
    missing = [name for name, path in given.items() if not path]
    if len(missing) == 2:
        return None
    if missing:
        raise ImproperlyConfigured(f"GATEWRIGHT_TLS_{missing[0]} is missing: a certificate needs its key.")
    return FrontTls(Path(given["CERT"]).absolute(), Path(given["KEY"]).absolute())


def _listening_address(host: str) -> str:
    """A name of this machine stands for its first address: Envoy listens at addresses alone."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except OSError:
        raise ImproperlyConfigured(
            f'GATEWRIGHT_CONSOLE_HOST: "{host}" is neither an address nor a name of this machine.'
        ) from None


def _servers(variable: str, default: str) -> tuple[Backend, ...]:
    texts = (text.strip() for text in (os.environ.get(variable) or default).split(","))
    servers = tuple(_server(variable, text) for text in texts if text)
    if len({server.is_socket for server in servers}) > 1 and any(server.is_named for server in servers):
        raise ImproperlyConfigured(f"{variable}: Unix sockets and host names cannot stand side by side.")
    return servers


def _server(variable: str, text: str) -> Backend:
    if text.startswith(UNIX):
        path = text.removeprefix(UNIX)
        if not path.startswith("/") or len(os.fsencode(path)) > SOCKET_PATH_BYTES:
            raise ImproperlyConfigured(
                f'{variable}: "{path}" has to be an absolute path of at most {SOCKET_PATH_BYTES} bytes.'
            )
        return Backend(path)
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ImproperlyConfigured(
            f'{variable}: "{text}" is not an address; write host:port or unix:/path, separated by commas.'
        )
    return Backend(host, int(port))
