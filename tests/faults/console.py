"""A console with one API, seen from outside while parts of it are stopped."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
from django.core.cache.backends.redis import RedisCache

from console.background import PULSE_KEY
from console.stack import places, ports
from console.stack.waiting import wait_for
from tests.faults.steady import SteadyCalls
from tests.running import Stack
from tests.stack.client import Client

POLICY = "header-injection"
HEADER = "x-version"


class Console:
    """Callers of `url` get the header that the API's one policy sets; `answered` counts our own calls."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.stack = stack
        self.rest = Client(stack)
        self.rest.http.timeout = httpx.Timeout(60)
        self.port = ports.free("127.0.0.1")
        self.answered = 0
        self.url = f"http://127.0.0.1:{self.port}/{name}/1"
        self.browser = self._browser()
        self.api = int(self.rest.deploy(name, self.port, stack.echo_url)["id"])
        self.binding = self.rest.post(
            f"{self.rest.apis}/{self.api}/policies",
            {"policyTemplateId": POLICY, "configurationData": _version("0"), "pointcutData": None},
        )["id"]
        self.wait_for_version("0")

    def save(self, version: str) -> httpx.Response:
        """One change of the API; saved only when the answer says so."""
        address = f"{self.rest.apis}/{self.api}/policies/{self.binding}"
        return self.rest.http.patch(address, json={"configurationData": _version(version)})

    def wait_for_version(self, version: str, seconds: float = 30) -> None:
        wait_for(lambda: self.version() == version, seconds, f"version {version} at the gateway")

    def version(self) -> str | None:
        """The one whose answers callers get; None while nothing listens."""
        try:
            answer = httpx.get(self.url, trust_env=False, timeout=10)
        except httpx.HTTPError:
            return None
        self.answered += 1
        return answer.headers.get(HEADER)

    def page(self, path: str) -> httpx.Response:
        return self.browser.get(path, headers={"Accept": "text/html"})

    def health(self) -> dict[str, str]:
        return dict(self.rest.http.get("/healthz").json()["parts"])

    def wait_until_healthy(self) -> None:
        """Every part is up, and the scheduler and a worker have done something since now."""
        began = time.time()
        wait_for(lambda: set(self.health().values()) == {"up"} and self._pulse() > began, 40, "every part")

    def _pulse(self) -> float:
        return float(RedisCache(places.redis_url(self.stack.home), {}).get(PULSE_KEY, 0))

    def is_pushed_by_worker(self, generation: int) -> bool:
        log = (self.stack.home / "logs" / "worker.log").read_text()
        return re.search(rf"pushed gateway=\S+ generation={generation} .*streams=1", log) is not None

    def status(self) -> str:
        return str(self.rest.get(f"{self.rest.apis}/{self.api}")["status"])

    def account(self, calls: SteadyCalls) -> None:
        """Each of the calls was answered well; `check_account` looks for it in the figures."""
        assert set(calls.answers) == {200}
        self.answered += calls.answers.total()

    def check_account(self) -> None:
        """Every request of the module so far is in the figures once."""
        wait_for(lambda: self.requests() >= self.answered, 40, "every request in the figures")
        assert self.requests() == self.answered

    def requests(self) -> int:
        """How many were counted, of the last hour."""
        summary = self.rest.get(f"{self.rest.analytics}/{self.api}/summary?minutes=60")
        return int(summary["requests"])

    def query(self, sql: str) -> Any:
        """The one value that it finds in the console's own database."""
        with psycopg.connect(places.database_url(self.stack.home), autocommit=True) as connection:
            row = connection.execute(sql.encode()).fetchone()
        return row[0] if row else None

    @property
    def generation(self) -> int:
        return int(self.query("select generation from gateways_gateway where name = 'local'"))

    def acks(self, generation: int) -> int:
        """Of replicas that applied it."""
        return int(
            self.query(
                "select count(*) from gateways_ack join gateways_deployment d on d.id = deployment_id "
                f"where applied and d.generation = {generation}"
            )
        )

    def pid(self, program: str) -> int:
        entries = json.loads((self.stack.home / "processes.json").read_text())
        return next(int(entry["pid"]) for entry in entries if entry["name"] == program)

    @contextmanager
    def frozen(self, program: str) -> Iterator[None]:
        """Stopped with all its children: it holds its sockets open and answers nothing.

        Of the gateway only the agent stops: Envoy serves on.
        """
        pid = self.pid(program)
        pids = [pid] if program == "gateway" else _family(pid)
        _signal(pids, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(pids, signal.SIGCONT)

    @contextmanager
    def gone(self, program: str) -> Iterator[None]:
        """Killed, and not started again before the end, since its keeper is frozen meanwhile."""
        assert self.stack.process is not None
        keeper = self.stack.process.pid
        os.kill(keeper, signal.SIGSTOP)
        try:
            os.kill(self.pid(program), signal.SIGKILL)
            yield
        finally:
            os.kill(keeper, signal.SIGCONT)

    def _browser(self) -> httpx.Client:
        """Logged in as a person does it."""
        client = httpx.Client(base_url=self.stack.url, timeout=60, follow_redirects=True)
        client.get("/login")
        form = {
            "username": self.stack.username,
            "password": self.stack.password,
            "csrfmiddlewaretoken": client.cookies["csrftoken"],
        }
        assert client.post("/login", data=form).status_code == 200
        return client


def _version(number: str) -> dict[str, Any]:
    return {"outboundHeaders": [{"key": HEADER, "value": number}]}


def _family(pid: int) -> list[int]:
    """The process and its children."""
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [pid, *map(int, found.split())]


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
