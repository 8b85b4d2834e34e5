"""`manage.py up` for tests: the whole of Gatewright, started as a person starts it."""

import os
import pwd
import re
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from console.stack import ports
from console.stack.waiting import wait_for

PROJECT = Path(__file__).parent.parent
GIVEN = "given-at-first-1"
PASSWORD = "walk-through-1"
"""What the administrator chooses at the first login."""


def _sent(browser: httpx.Client, path: str, **fields: str) -> httpx.Response:
    browser.get(path)
    return browser.post(path, data={**fields, "csrfmiddlewaretoken": browser.cookies["csrftoken"]})


@dataclass
class Stack:
    """One state folder and its ports; `start` and `stop` may be called again and again."""

    home: Path
    port: int = field(default_factory=lambda: ports.free("127.0.0.1"))
    echo_port: int = field(default_factory=lambda: ports.free("127.0.0.1"))
    api_port: int = field(default_factory=lambda: ports.free("127.0.0.1"))
    """A free port for the APIs that a test adds."""
    username: str = "walker"
    password: str = PASSWORD
    account: str | None = None
    """Who starts it, where it is not whoever runs the tests."""
    umask: int = -1
    variables: dict[str, str] = field(default_factory=dict)
    """More of the environment."""
    python: tuple[str, str] = (sys.executable, "")
    """The interpreter, and its PYTHONPATH where it is not that of our virtual environment."""
    lines: list[str] = field(default_factory=list)
    process: "subprocess.Popen[str] | None" = None
    patience_seconds: float = 150
    project: Path = PROJECT
    """The checkout whose `manage.py` is run."""

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def echo_url(self) -> str:
        return f"http://127.0.0.1:{self.echo_port}"

    @property
    def environment(self) -> dict[str, str]:
        """Without DATABASE_URL and REDIS_URL: the embedded servers are what is tested."""
        ours = {
            "GATEWRIGHT_HOME": str(self.home),
            "GATEWRIGHT_CONSOLE_PORT": str(self.port),
            "GATEWRIGHT_ECHO_PORT": str(self.echo_port),
            "GATEWRIGHT_ADMIN_USERNAME": self.username,
            "GATEWRIGHT_ADMIN_PASSWORD": GIVEN,
            "GATEWRIGHT_HEARTBEAT_SECONDS": "1",
        }
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        packages = self.python[1]
        return {**inherited, **ours, **({"PYTHONPATH": packages} if packages else {}), **self.variables}

    @property
    def _started_as(self) -> dict[str, Any]:
        return {
            "env": self.environment,
            "cwd": "/",
            "user": self.account,
            "group": pwd.getpwnam(self.account).pw_gid if self.account else None,
            "extra_groups": [] if self.account else None,
            "umask": self.umask,
        }

    def start(self, *options: str, until: str = "Ready") -> None:
        """Start `manage.py up` and wait until it prints a line that ends with `until`."""
        self.lines = []
        self.process = subprocess.Popen(
            [self.python[0], self.project / "manage.py", "up", *options],
            **self._started_as,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        wait_for(
            lambda: any(line.endswith(until) for line in self.lines),
            self.patience_seconds,
            f"up: {until}",
            self._is_running,
        )

        if until == "Ready":
            self.choose_password()

    def choose_password(self) -> None:
        """Log in as the administrator does the first time; later there is nothing to choose."""
        with httpx.Client(base_url=self.url, timeout=20, follow_redirects=True) as browser:
            arrived = _sent(browser, "/login", username=self.username, password=GIVEN).url.path
            if arrived == "/password":
                new = {"new_password1": self.password, "new_password2": self.password}
                assert _sent(browser, "/password", **new).url.path == "/"
            elif arrived == "/":
                # A release before asked for no other one.
                self.password = GIVEN

    def run(self, *options: str) -> int:
        """Run it to its end; its exit code."""
        done = subprocess.run(
            [self.python[0], self.project / "manage.py", "up", *options],
            **self._started_as,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.lines = (done.stdout + done.stderr).splitlines()
        return done.returncode

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does; its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self.process = None
        return code

    def processes(self) -> list[str]:
        """The command lines of every process that was started for this state folder and still runs."""
        marks = (str(self.home).encode(), str((self.home / "servers").resolve()).encode())
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                name = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if any(mark in told for mark in marks) and int(folder.name) != os.getpid():
                found.append(name)
        return found

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.append(re.sub(r"^ *[0-9.]+ s  ", "", line.rstrip()))

    def _is_running(self) -> None:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError("up ended:\n" + "\n".join(self.lines))
