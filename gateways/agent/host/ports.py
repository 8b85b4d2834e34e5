"""Whether a port of this machine is free for Envoy to listen on."""

import errno
import socket
from collections.abc import Sequence
from pathlib import Path

_LISTENING = "0A"
_found: dict[tuple[int, int], tuple[Path, str]] = {}
"""Where the socket of (process, port) was found: the kernel's tables are long when connections are many."""


def why_not(host: str, port: int, envoys: Sequence[int]) -> str | None:
    """Why Envoy cannot listen there; None when it can, or one of ours, by its process id, already does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and any(is_held(port, pid) for pid in envoys):
                return None
            return _explained(host, port, error)
    return None


def is_held(port: int, pid: int) -> bool:
    """Whether the process listens on the port."""
    descriptor, name = _found.get((pid, port), (None, ""))
    if descriptor and _name(descriptor) == name:
        return True
    folder = Path(f"/proc/{pid}")
    tables = (folder / "net" / name for name in ("tcp", "tcp6"))
    names = {f"socket:[{inode}]" for table in tables for inode in _inodes(table, port)}
    try:
        descriptors = list((folder / "fd").iterdir())
    except OSError:
        return False
    for descriptor in descriptors:
        if (name := _name(descriptor)) in names:
            _found[pid, port] = descriptor, name
            return True
    return False


def _name(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


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
