"""A gunicorn that stops answers what it has taken, and takes nothing that it will not answer."""

import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.stack.waiting import wait_for
from tests.ports import free_port
from tests.running import PROJECT

APPLICATION = """
import os, time

def application(environ, start_response):
    while environ["PATH_INFO"] == "/slow" and not os.path.exists("released"):
        open("waits", "w").close()
        time.sleep(0.05)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


class Gunicorn:
    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "slow.py").write_text(APPLICATION)
        words = "slow:application --worker-class console.gunicorn_worker.Worker --graceful-timeout 120"
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", *words.split(), "--threads", "4", "--no-control-socket"),
                *("--bind", f"127.0.0.1:{self.port}"),
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": f"{folder}:{PROJECT}"},
            stderr=subprocess.DEVNULL,
        )
        wait_for(self.takes_connections, 60, "gunicorn")

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)

    def takes_connections(self) -> bool:
        connection = self.connection()
        try:
            connection.connect()
        except OSError:
            return False
        connection.close()
        return True

    def release(self) -> None:
        (self.folder / "released").touch()

    def waits(self) -> bool:
        return (self.folder / "waits").exists()


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Gunicorn]:
    found = Gunicorn(tmp_path)
    yield found
    found.release()
    found.process.kill()
    found.process.wait(30)
    wait_for(lambda: not found.takes_connections(), 60, "its worker's end")


def status(connection: http.client.HTTPConnection, path: str = "/") -> tuple[int, str | None]:
    connection.request("POST", path, b"body")
    answer = connection.getresponse()
    answer.read()
    return answer.status, answer.getheader("Connection")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_while_its_last_request_ends_nobody_waits_for_it(gunicorn: Gunicorn, how: signal.Signals) -> None:
    """SIGKILL ends the master alone: its worker finds itself without one."""
    ends: list[tuple[int, str | None]] = []
    last = threading.Thread(target=lambda: ends.append(status(gunicorn.connection(), "/slow")))
    last.start()
    wait_for(gunicorn.waits, 60, "a request")

    gunicorn.process.send_signal(how)

    wait_for(lambda: not gunicorn.takes_connections(), 60, "an end of listening")
    assert not ends
    gunicorn.release()
    last.join(60)
    assert [found for found, _ in ends] == [200]


def test_a_killed_masters_worker_leaves_though_it_is_asked(gunicorn: Gunicorn) -> None:
    kept = gunicorn.connection()
    assert status(kept) == (200, "keep-alive")

    gunicorn.process.kill()

    while (found := status(kept))[1] == "keep-alive":
        pass
    assert found == (200, "close")
    wait_for(lambda: not gunicorn.takes_connections(), 60, "its end")
