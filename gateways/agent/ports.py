"""Whether a port of this machine is free for Envoy to listen on."""

import errno
import socket
from pathlib import Path

_LISTENING = "0A"


def why_not(host: str, port: int, envoy_pid: int | None) -> str | None:
    """Why Envoy cannot listen there; None when it can, or already does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and envoy_pid and is_held(port, envoy_pid):
                return None
            return _explained(host, port, error)
    return None


def is_held(port: int, pid: int) -> bool:
    """Whether the process listens on the port."""
    folder = Path(f"/proc/{pid}")
    inodes = {inode for table in ("tcp", "tcp6") for inode in _inodes(folder / "net" / table, port)}
    try:
        links = [str(link.readlink()) for link in (folder / "fd").iterdir()]
    except OSError:
        return False
    return any(link == f"socket:[{inode}]" for link in links for inode in inodes)


def _inodes(table: Path, port: int) -> list[str]:
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port]


def _explained(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use by another process; stop it, or choose another port"
    if error.errno == errno.EACCES:
        return f"port {port} needs privileges that this gateway does not have; choose one above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; use 0.0.0.0"
    return f"cannot listen on {host}:{port}: {error.strerror}"
