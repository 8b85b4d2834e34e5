"""The process that holds agents' streams: whom it lets in, what it sends down, when it ends one."""

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from apis import snapshot
from gateways import outbox
from gateways.agent.frames import STREAM_PATH, Frame, frames
from tests.gateways.link_process import LinkProcess, running
from tests.gateways.replica import SigningReplica

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def link(tmp_path: Path, transactional_db: None) -> Iterator[LinkProcess]:
    with running(tmp_path) as process:
        yield process


class Listener:
    """An agent that reads its stream; `next` is the next frame that is no ping."""

    def __init__(self, link: LinkProcess, replica: SigningReplica) -> None:
        self.status = 0
        self.message = ""
        self._frames: queue.Queue[tuple[Frame, bytes] | None] = queue.Queue()
        self._authorization = replica.sign(b"", STREAM_PATH, "GET")
        self._url = link.url + STREAM_PATH
        threading.Thread(target=self._read, daemon=True).start()
        self.first = self.next()

    def next(self, seconds: float = 20) -> tuple[Frame, bytes] | None:
        """None when the stream has ended."""
        while (found := self._frames.get(timeout=seconds)) and found[0].kind == "ping":
            pass
        return found

    def _read(self) -> None:
        headers = {"Authorization": self._authorization}
        try:
            with (
                httpx.Client(trust_env=False, timeout=30) as http,
                http.stream("GET", self._url, headers=headers) as answer,
            ):
                self.status = answer.status_code
                if answer.status_code != 200:
                    self.message = answer.read().decode()
                    return
                for found in frames(answer.iter_raw()):
                    self._frames.put(found)
        except httpx.HTTPError as error:
            self.message = str(error)
        finally:
            self._frames.put(None)


def kind_of(found: tuple[Frame, bytes] | None) -> str:
    return found[0].kind if found else "end"


def test_a_snapshot_that_is_sent_comes_down_the_stream(link: LinkProcess) -> None:
    replica = SigningReplica()
    listener = Listener(link, replica)
    built = snapshot.build(replica.gateway)

    outbox.send(replica.gateway, built)

    found = listener.next()
    assert kind_of(listener.first) == "hello"
    assert found is not None
    assert (found[0].kind, found[1]) == ("snapshot", built.body)
