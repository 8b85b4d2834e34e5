"""A gateway process, registered and run by the `gatewright` command as a person would."""

import io
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import yaml

from console.models import User
from gateways import change
from gateways.agent import cli
from gateways.models import Gateway
from tests.factories import make_actor, make_environment
from tests.waiting import wait_until

PROJECT = Path(__file__).parents[2]
GATEWRIGHT = [sys.executable, "-m", "gateways.agent.cli"]


class AgentProcess:
    """Its registration and state are in `folder`; `gateway` is its row once it is registered."""

    def __init__(self, folder: Path, console_url: str, project: Path = PROJECT) -> None:
        self.project = project
        """The checkout that it is run from: another release's, say."""
        self.folder = folder
        self.state = folder / "state"
        self.console_url = console_url
        self.gateway = Gateway()
        self.launcher: list[str] = []
        """What the command is run by, when it is not run as it is."""
        self._process: subprocess.Popen[bytes] | None = None

    def register(self, name: str = "edge", actor: User | None = None) -> "AgentProcess":
        token, text = change.issue_token(actor or make_actor(), make_environment(), name)
        arguments = [
            "registration",
            "create",
            f"--token={text}",
            "--connected=true",
            f"--anypoint-url={self.console_url}",
            f"--output-directory={self.folder}",
            name,
        ]
        done = run(*arguments) if self.project == PROJECT else self._run(arguments)
        assert done.returncode == 0, done.stderr
        token.refresh_from_db()
        assert token.gateway is not None
        self.gateway = token.gateway
        return self

    def start(self, *flags: str, is_awaited: bool = True) -> "AgentProcess":
        """Run it; wait until the console calls it Connected."""
        where = ["--registration", self.folder, "--state", self.state, "--concurrency", "1"]
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self.launcher, *GATEWRIGHT, "run", *where, *flags],
                stdout=log,
                stderr=log,
                env=_environment(self.project),
                cwd=self.folder,
            )
        if is_awaited:
            wait_until(self.is_connected, 30)
        return self

    def _run(self, arguments: list[str]) -> "Done":
        done = subprocess.run(
            [*GATEWRIGHT, *arguments],
            env=_environment(self.project),
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.send(number)
        return self.wait()

    def wait(self) -> int:
        """Until it has ended; its exit code. One that does not end is made to say where its threads stand."""
        assert self._process is not None
        try:
            code = self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
            self._process.wait(10)
            raise AssertionError(f"the agent does not end:\n{self.log}") from None
        self._process = None
        return code

    def end(self) -> None:
        """Leave nothing running, Envoy neither."""
        if self._process:
            self.stop()
        elif self.envoy_pid:
            os.kill(self.envoy_pid, signal.SIGTERM)

    def is_connected(self) -> bool:
        ended = self._process is not None and self._process.poll() is not None
        assert not ended, f"the agent ended:\n{self.log}"
        return Gateway.objects.get(pk=self.gateway.pk).status == Gateway.Status.CONNECTED

    @property
    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    @property
    def envoy_pid(self) -> int:
        file = self.state / "envoy.pid"
        return int(file.read_text()) if file.exists() else 0

    def move_console(self, url: str) -> None:
        """Make its registration name another address."""
        file = self.folder / "registration.yaml"
        document = yaml.safe_load(file.read_text())
        document["spec"]["platformConnection"]["anypoint"]["url"] = url
        file.write_text(yaml.safe_dump(document))


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def run(*arguments: str | Path) -> Done:
    """One `gatewright` command to its end, in this process."""
    output, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(output), redirect_stderr(errors):
        code = cli.main([str(argument) for argument in arguments])
    return Done(code, output.getvalue(), errors.getvalue())


def _environment(project: Path) -> dict[str, str]:
    """Ours, with the project importable from any folder and no state folder of anyone's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GATEWRIGHT_")}
    return inherited | {"PYTHONPATH": str(project), "PYTHONFAULTHANDLER": "1"}
