"""The programs of the application: what each is started with."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from console.stack.programs import Program

PROJECT = Path(__file__).resolve().parents[2]
WEB, WORKERS, GATEWAY = 1, 2, 3
"""Stages: the gateway stops first, so that it can say goodbye and deliver what it counted."""

ROOT_WARNING = "You're running the worker with superuser privileges"
"""Celery has no setting against it. Root chose to run all of the stack, and our messages are JSON alone."""


@dataclass(frozen=True)
class Addresses:
    host: str
    port: int
    echo_port: int
    link_port: int

    @property
    def console(self) -> str:
        """Where programs of this machine reach the console."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 compared, not bound
        return f"http://{host}:{self.port}"

    @property
    def link(self) -> str:
        """Of the process that answers /agent/v1/stream; on loopback alone."""
        return f"http://127.0.0.1:{self.link_port}"

    @property
    def echo(self) -> str:
        return f"http://127.0.0.1:{self.echo_port}"


def web(addresses: Addresses, environment: dict[str, str]) -> Program:
    return _python(
        "console",
        "gunicorn console.wsgi --worker-class gthread --workers 2 --threads 8 --preload "
        "--graceful-timeout 5 --no-control-socket --log-level warning "
        f"--bind {addresses.host}:{addresses.port}",
        environment,
        stage=WEB,
    )


def link(addresses: Addresses, environment: dict[str, str]) -> Program:
    """Holds the agents' streams: long answers, which must be neither buffered nor cut."""
    return _python("link", f"manage link --port {addresses.link_port}", environment, stage=WEB)


def worker(environment: dict[str, str]) -> Program:
    return _python(
        "worker",
        "celery -A console.celery --skip-checks worker --pool threads --concurrency 4 "
        "--without-gossip --without-mingle --loglevel info",
        {**environment, "PYTHONWARNINGS": f"ignore:{ROOT_WARNING}"},
        stage=WORKERS,
    )


def beat(environment: dict[str, str]) -> Program:
    return _python(
        "beat",
        "celery -A console.celery --skip-checks beat --pidfile= --loglevel warning",
        environment,
        stage=WORKERS,
    )


def echo(addresses: Addresses, environment: dict[str, str]) -> Program:
    return _python("echo", f"console.stack.echo --port {addresses.echo_port}", environment, stage=WEB)


def gateway(folder: Path, environment: dict[str, str]) -> Program:
    """`folder` is its state folder, which holds its registration too."""
    return _python(
        "gateway",
        "gateways.agent.cli run",
        {**environment, "FLEX_NAME": os.environ.get("FLEX_NAME", "local-1")},
        "--state",
        str(folder),
        "--registration",
        str(folder / "registration.yaml"),
        stage=GATEWAY,
        stop_seconds=35,
    )


def demo(environment: dict[str, str]) -> Program:
    return _python("demo", "manage demo", environment, stage=GATEWAY)


def _python(
    name: str, module: str, environment: dict[str, str], *paths: str, stage: int, stop_seconds: float = 10
) -> Program:
    """A module of ours or of a package; `paths` are arguments that may hold spaces."""
    return Program(
        name,
        (sys.executable, "-m", *module.split(), *paths),
        folder=PROJECT,
        environment={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stage=stage,
        stop_seconds=stop_seconds,
    )
