"""`manage.py link`, as a process of its own beside a test's console."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from django.db import connection

from console.stack import ports
from tests.running import PROJECT
from tests.waiting import wait_until


class LinkProcess:
    """It works with the test's own database and Valkey."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._environment = environment
        self.port = ports.free("127.0.0.1")
        self._log = folder / f"link-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, PROJECT / "manage.py", "link", "--port", str(self.port)],
                env={**os.environ, "DATABASE_URL": database_url(), **self._environment},
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, 30)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)
        self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        try:
            return httpx.get(f"{self.url}/agent/v1/stream", trust_env=False).status_code == 401
        except httpx.HTTPError:
            return False


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[LinkProcess]:
    link = LinkProcess(folder, **environment)
    try:
        link.start()
        yield link
    finally:
        link.stop()


def database_url(name: str = "") -> str:
    """Of the tests' own database, or of another beside it."""
    found = connection.settings_dict
    host = str(found["HOST"]).replace("/", "%2F")
    password = f":{found['PASSWORD']}" if found["PASSWORD"] else ""
    port = f":{found['PORT']}" if found["PORT"] else ""
    return f"postgres://{found['USER']}{password}@{host}{port}/{name or found['NAME']}"
