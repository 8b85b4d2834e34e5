"""Whose rights the embedded servers run with: PostgreSQL refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from console.stack.stack_error import StackError

CANDIDATES = ("gatewright", "nobody")


@dataclass(frozen=True)
class Account:
    """An unprivileged account that root starts servers under."""

    name: str
    uid: int
    gid: int

    def may_use(self, path: Path) -> bool:
        """Whether this account can reach `path` and enter or execute it."""
        test = subprocess.run(["/bin/sh", "-c", 'test -x "$0"', path], **self.popen, check=False)
        return test.returncode == 0

    @property
    def popen(self) -> dict[str, Any]:
        """Arguments that make `subprocess` start a program under this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def take(self, folder: Path) -> None:
        os.chown(folder, self.uid, self.gid)


def unprivileged(data: Path) -> Account | None:
    """The account for the servers of `data`; None means: our own, which is not root's.

    Data that an ordinary user made before stays that user's.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return _account(pwd.getpwuid(data.stat().st_uid))
    for name in CANDIDATES:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise StackError(
        "PostgreSQL does not run as root and this machine has no account to run it under: "
        "add one with `useradd --system gatewright`, or set DATABASE_URL."
    )


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
