"""The whole of Gatewright for a measurement, as `manage.py up` runs it, and its REST interface."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench.processes import PROJECT, Failed, interpreter
from tests.running import Stack

_APPLIED = re.compile(r"generation=([0-9]+) applied=true .*\bms=([0-9]+)")


class MeasuredStack(Stack):
    @property
    def environment(self) -> dict[str, str]:
        """With heartbeats as often as users have them."""
        return {**super().environment, "GATEWRIGHT_HEARTBEAT_SECONDS": "5"}

    @property
    def gateway_folder(self) -> Path:
        return self.home / "local-gateway"

    @property
    def envoy_pid(self) -> int:
        return int((self.gateway_folder / "envoy.pid").read_text())

    @property
    def agent_pid(self) -> int:
        return int((self.gateway_folder / "agent.lock").read_text())

    def django(self, module: str, *arguments: str) -> Any:
        """What a module of ours prints as JSON when it runs with this stack's database."""
        done = subprocess.run(
            [self.python[0], "-m", module, *arguments],
            cwd=self.project,
            env={
                **self.environment,
                "DJANGO_SETTINGS_MODULE": "console.settings",
                "GATEWRIGHT_LOG_LEVEL": "ERROR",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failed(f"{module}: {done.stderr[-2000:]}")
        return json.loads(done.stdout)

    def pids(self) -> list[int]:
        """Everything that was started for this state folder."""
        mark, found = str(self.home).encode(), []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            except OSError:
                continue
            if mark in told and int(folder.name) != os.getpid():
                found.append(int(folder.name))
        return found

    def applied_ms(self) -> dict[int, int]:
        """How long the agent took for each generation, from its log."""
        text = (self.home / "logs" / "gateway.log").read_text()
        return {int(generation): int(ms) for generation, ms in _APPLIED.findall(text)}


@contextmanager
def running(home: Path, project: Path = PROJECT) -> Iterator[MeasuredStack]:
    home.mkdir(mode=0o711)
    python = (interpreter(project), str(project))
    stack = MeasuredStack(home, project=project, python=python, patience_seconds=900)
    try:
        stack.start()
        yield stack
    finally:
        if stack.process:
            stack.stop()


@dataclass(frozen=True)
class Rest:
    """A client that keeps its connection; `scope` is the environment's part of an address."""

    client: httpx.Client
    scope: str

    @classmethod
    def of(cls, stack: MeasuredStack, organization: str, environment: str) -> "Rest":
        client = httpx.Client(base_url=f"http://127.0.0.1:{stack.port}", trust_env=False, timeout=60)
        login = {"username": stack.username, "password": stack.password}
        token = client.post("/accounts/login", json=login).raise_for_status().json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        return cls(client, f"organizations/{organization}/environments/{environment}")

    def patch_policy(self, api: int, policy: int, config: dict[str, Any]) -> None:
        address = f"/apimanager/api/v1/{self.scope}/apis/{api}/policies/{policy}"
        self.client.patch(address, json={"configurationData": config}).raise_for_status()
