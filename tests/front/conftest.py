"""A front as people start it, before an upstream that answers with what it is sent."""

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from console.stack import ports
from console.stack.waiting import wait_for
from tests.running import PROJECT

HOST = "127.0.0.1"


@dataclass
class RunningFront:
    """`variables` are GATEWRIGHT_…; `servers` are the addresses that it passes requests on to."""

    home: Path
    servers: str
    variables: dict[str, str] = field(default_factory=dict)
    descriptors: int = 4096
    """How many files and connections it may have open."""
    port: int = field(default_factory=lambda: ports.free(HOST))
    lines: list[str] = field(default_factory=list)
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> "RunningFront":
        ours = {
            "GATEWRIGHT_HOME": str(self.home),
            "GATEWRIGHT_CONSOLE_PORT": str(self.port),
            "GATEWRIGHT_FRONT_SERVERS": self.servers,
            **{f"GATEWRIGHT_{name}": value for name, value in self.variables.items()},
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "console.front"],
            cwd=PROJECT,
            env={"PATH": os.environ["PATH"], **ours},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        limits = (self.descriptors, self.descriptors)
        resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, limits)
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        wait_for(self._listens, 30, "the front", self._is_running)
        return self

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def _listens(self) -> bool:
        try:
            httpx.get(self.url, timeout=5)
        except httpx.ConnectError:
            return False
        except httpx.HTTPError:
            return True
        return True

    def _is_running(self) -> None:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError("the front ended:\n" + "\n".join(self.lines))

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self.lines.extend(line.rstrip() for line in process.stdout)


@pytest.fixture(scope="session")
def echo() -> Iterator[str]:
    """An upstream's address."""
    port = ports.free(HOST)
    process = subprocess.Popen(
        [sys.executable, "-m", "console.stack.echo", "--port", str(port)],
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        try:
            return httpx.get(f"http://{HOST}:{port}").is_success
        except httpx.HTTPError:
            return False

    wait_for(answers, 30, "the echo upstream")
    yield f"{HOST}:{port}"
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture(scope="session")
def front(echo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFront]:
    running = RunningFront(tmp_path_factory.mktemp("front"), echo, {"TRUSTED_PROXIES": "127.0.0.9"}).start()
    yield running
    running.stop()
