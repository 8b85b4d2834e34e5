"""Where the embedded servers are found and keep their data and, started by root, their programs."""

import hashlib
import os
import secrets
import shutil
from pathlib import Path
from urllib.parse import quote

from console.stack.account import Account
from console.stack.stack_error import StackError

SHARED = Path("/var/lib/gatewright")
"""For what an unprivileged account must reach when it cannot reach our own folders (/root, say)."""

SOCKET_PATH_BYTES = 107
DATABASE = "gatewright"
VALKEY_SOCKET = "valkey.sock"
CONSOLE_SOCKET = "console.sock"
LONGEST_SOCKET_NAME = ".s.PGSQL.5432"


def sockets(home: Path) -> Path:
    """The folder of the servers' Unix sockets: known from `home` alone, short enough for the kernel."""
    return _short(home / "servers" / "run")


def console_socket(home: Path) -> Path:
    """Where the console's processes answer the front."""
    return _short(home / "run") / CONSOLE_SOCKET


def database_url(home: Path) -> str:
    """Of the embedded PostgreSQL. No password: the folder admits the server's account and root alone."""
    return f"postgres://{DATABASE}@{quote(str(sockets(home)), safe='')}/{DATABASE}"


def redis_url(home: Path) -> str:
    """Of the embedded Valkey."""
    return f"unix://{quote(str(sockets(home) / VALKEY_SOCKET))}?db=0"


def prepare(home: Path, account: Account | None) -> Path:
    """Make the servers' folder and the sockets' folder, private to who runs them; returns the first."""
    servers = home / "servers"
    if servers.is_symlink() and not servers.exists():
        servers.unlink()
    if account and not servers.exists() and not account.may_use(home):
        servers.symlink_to(_shared(secrets.token_hex(8)))
    if account and servers.exists() and servers.stat().st_uid != 0 and not account.may_use(servers.resolve()):
        raise StackError(
            f"{servers} belongs to {account.name}, who cannot reach it: "
            "start as that user, or set GATEWRIGHT_HOME to another folder."
        )
    _private(servers.resolve(), account)
    _private(sockets(home).resolve(), account)
    return servers.resolve()


def prepare_console(home: Path) -> Path:
    """Make the folder of the console's socket, private to us; returns the socket."""
    _private(console_socket(home).parent, None)
    return console_socket(home)


def clear(home: Path) -> None:
    """Once everything has stopped: take away the sockets' folders that are not inside `home`."""
    for folder in (sockets(home), console_socket(home).parent):
        if not folder.is_relative_to(home):
            shutil.rmtree(folder, ignore_errors=True)


def reachable(tree: Path, program: str, name: str, account: Account | None) -> Path:
    """`tree`, or a copy of it in a folder that `account` can reach, from which `program` can be run."""
    if account is None or account.may_use(tree / program):
        return tree
    copy = _shared("programs") / name
    if not copy.exists():
        fresh = copy.with_name(f".{name}.{os.getpid()}")
        shutil.copytree(tree, fresh, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            fresh.rename(copy)
        except OSError:
            shutil.rmtree(fresh)
    return copy


def _short(folder: Path) -> Path:
    """The folder, or one below /tmp when the paths of sockets in it would be too long."""
    if len(os.fsencode(folder / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_BYTES:
        return folder
    mark = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path("/tmp", f"gatewright-{mark}")  # noqa: S108 private, see _private


def _shared(name: str) -> Path:
    folder = SHARED / name
    try:
        for path in (SHARED, folder):
            if not path.exists():
                path.mkdir(parents=True)
                path.chmod(0o755)
    except OSError as error:
        raise StackError(
            f"{folder} cannot be made ({error.strerror}); where servers started by root keep their files: "
            "start as an ordinary user, or set DATABASE_URL and REDIS_URL."
        ) from error
    return folder


def _private(folder: Path, account: Account | None) -> None:
    """Make the folder, or check that it is nobody else's (the one below /tmp could be)."""
    owner = account.uid if account else os.geteuid()
    if not folder.exists():
        folder.mkdir(mode=0o700)
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(0o700)
        os.chown(folder, owner, account.gid if account else -1)
    elif folder.stat().st_uid != owner:
        raise StackError(
            f"{folder} belongs to somebody else: remove it, or set GATEWRIGHT_HOME to another folder."
        )
