"""A gateway process in Local Mode with one API, for what is done to processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.ports import free_port
from tests.waiting import wait_until

CONFIGURATION = """
apiVersion: gateway.mulesoft.com/v1alpha1
kind: ApiInstance
metadata: {name: a}
spec:
  address: http://127.0.0.1:PORT/a
  services: {backend: {address: "UPSTREAM"}}
---
apiVersion: gateway.mulesoft.com/v1alpha1
kind: Configuration
metadata: {name: health}
spec: {probe: {enabled: true, port: PROBE}}
"""


class LocalProcess:
    """`settings` are environment variables."""

    def __init__(self, folder: Path, upstream: str, settings: Mapping[str, str] | None = None) -> None:
        self.state = folder / "state"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.upstream = upstream
        self._probe = free_port()
        self._settings = settings or {}
        self._printed = folder / "printed"
        self._files = folder / "conf.d"
        self._files.mkdir()
        text = CONFIGURATION.replace("PORT", str(self.port)).replace("PROBE", str(self._probe))
        (self._files / "a.yaml").write_text(text.replace("UPSTREAM", upstream))

    def start(self) -> "LocalProcess":
        """Run it and wait until it is ready."""
        command = [sys.executable, "-m", "gateways.agent.cli", "run", "--concurrency", "1"]
        command += ["--local", str(self._files), "--state", str(self.state)]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **self._settings}
        with self._printed.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        wait_until(self.is_ready, 30)
        return self

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def ends(self, seconds: float) -> int:
        """Its exit code; fails the test where it does not end in time."""
        assert self.process is not None
        return self.process.wait(seconds)

    def end(self) -> None:
        """Leave nothing running, Envoy neither."""
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGTERM)
            self.signal(signal.SIGINT)
            self.ends(20)
        if self.envoy_pid:
            os.kill(self.envoy_pid, signal.SIGKILL)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        assert self.is_running(), self.printed
        return self._status(f"http://127.0.0.1:{self._probe}/probes/readiness") == 200

    def status(self, path: str = "/a") -> int:
        """Of the answer over a new connection; 0 without one."""
        return self._status(f"http://127.0.0.1:{self.port}{path}")

    @property
    def printed(self) -> str:
        return self._printed.read_text()

    @property
    def envoy_pid(self) -> int:
        file = self.state / "envoy.pid"
        return int(file.read_text()) if file.exists() else 0

    def _status(self, url: str) -> int:
        try:
            return httpx.get(url, trust_env=False, timeout=20).status_code
        except httpx.TransportError:
            return 0
