"""The programs of the application: what each is started with."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from console.stack import variables
from console.stack.programs import Program

PROJECT = Path(__file__).resolve().parents[2]
WEB, FRONT, WORKERS, GATEWAY = 1, 2, 3, 4
"""Stages: the gateway stops first, so that it can say goodbye and deliver what it counted."""

ROOT_WARNING = "You're running the worker with superuser privileges"
"""Celery has no setting against it. Root chose to run all of the stack, and our messages are JSON alone."""


@dataclass(frozen=True)
class Addresses:
    """`socket` is where the console's processes answer the front; `local_port` serves programs of this
    machine with plain HTTP where the front serves all others with TLS, and is 0 where it does not.
    """

    host: str
    port: int
    echo_port: int
    link_port: int
    socket: Path
    local_port: int = 0

    @property
    def console(self) -> str:
        """Where programs of this machine reach the console."""
        if self.local_port:
            return f"http://127.0.0.1:{self.local_port}"
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104 compared, not bound
        return f"http://{f'[{host}]' if ':' in host and host[0] != '[' else host}:{self.port}"

    @property
    def echo(self) -> str:
        return f"http://127.0.0.1:{self.echo_port}"


def front(addresses: Addresses, environment: dict[str, str]) -> Program:
    """Reads its settings from the environment, as it does where people start it themselves."""
    where = {
        "GATEWRIGHT_FRONT_SERVERS": f"unix:{addresses.socket}",
        "GATEWRIGHT_FRONT_LINKS": f"127.0.0.1:{addresses.link_port}",
        "GATEWRIGHT_FRONT_LOCAL_PORT": str(addresses.local_port or ""),
    }
    return _python("front", "console.front", {**environment, **where}, stage=FRONT, has_secrets=False)


def web(addresses: Addresses, environment: dict[str, str]) -> Program:
    """An idle connection of the front's is kept for longer than the front keeps it: see `console.front`."""
    return _python(
        "console",
        "gunicorn console.wsgi --worker-class console.gunicorn_worker.Worker --workers 2 --threads 8 "
        "--preload --keep-alive 75 --graceful-timeout 5 --no-control-socket --log-level warning",
        environment,
        "--bind",
        f"unix:{addresses.socket}",
        stage=WEB,
    )


def link(addresses: Addresses, environment: dict[str, str]) -> Program:
    """Holds the agents' streams: long answers, which must be neither buffered nor cut."""
    return _python("link", f"manage link --port {addresses.link_port}", environment, stage=WEB)


def worker(environment: dict[str, str]) -> Program:
    return _worker("worker", "celery", 4, environment)


def reader(environment: dict[str, str]) -> Program:
    """Has uploaded documents read, requests rehearsed and notices sent, so that no push waits for them."""
    return _worker("reader", "documents,rehearsals,notices", 4, environment)


def beat(environment: dict[str, str]) -> Program:
    return _python(
        "beat",
        "celery -A console.celery --skip-checks beat --pidfile= --loglevel warning",
        environment,
        stage=WORKERS,
    )


def echo(addresses: Addresses, environment: dict[str, str]) -> Program:
    module = f"console.stack.echo --port {addresses.echo_port}"
    return _python("echo", module, environment, stage=WEB, has_secrets=False)


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
        has_secrets=False,
    )


def demo(environment: dict[str, str]) -> Program:
    return _python("demo", "manage demo", environment, stage=GATEWAY)


def _worker(name: str, queue: str, threads: int, environment: dict[str, str]) -> Program:
    return _python(
        name,
        f"celery -A console.celery --skip-checks worker --queues {queue} --hostname {name}@%h "
        f"--pool threads --concurrency {threads} --without-gossip --without-mingle --loglevel info",
        {**environment, "PYTHONWARNINGS": f"ignore:{ROOT_WARNING}"},
        stage=WORKERS,
    )


def _python(
    name: str,
    module: str,
    environment: dict[str, str],
    *paths: str,
    stage: int,
    stop_seconds: float = 10,
    has_secrets: bool = True,
) -> Program:
    """A module of ours or of a package; `paths` are arguments that may hold spaces."""
    inherited = variables.of_console() if has_secrets else variables.of_others()
    return Program(
        name,
        (sys.executable, "-m", *module.split(), *paths),
        folder=PROJECT,
        environment={**inherited, "PYTHONUNBUFFERED": "1", **environment},
        stage=stage,
        stop_seconds=stop_seconds,
    )
