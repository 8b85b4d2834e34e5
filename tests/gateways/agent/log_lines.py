"""Access-log lines as Envoy writes them, and a console that keeps offsets as the real one does."""

import json
from pathlib import Path
from typing import Any

from gateways.agent.console import Unreachable
from gateways.agent.protocol import TrafficBatch

START = 1_795_418_180


def line(at: float = START, **fields: Any) -> bytes:
    entry = {
        "t": f"{at:.6f}",
        "r": "sandbox/apii-1/main",
        "m": "GET",
        "p": "/orders",
        "s": 200,
        "e": "via_upstream",
        "y": None,
        "x": None,
        "f": "-",
        "h": "HTTP/1.1",
        "d": 1500,
        "u": 1000,
        "i": 0,
        "o": 10,
        "c": "127.0.0.1",
        "g": "curl/8",
    }
    return json.dumps(entry | fields).encode() + b"\n"


def append(folder: Path, *lines: bytes) -> None:
    """As Envoy does."""
    with (folder / "access.log").open("ab") as log:
        log.write(b"".join(lines))


class OffsetConsole:
    """Takes batches by the protocol's rule. The next `lost_answers` are lost after the commit."""

    def __init__(self) -> None:
        self.committed: dict[str, int] = {}
        self.batches: list[TrafficBatch] = []
        self.lost_answers = 0
        self.is_away = False

    def send(self, body: bytes) -> dict[str, Any]:
        if self.is_away:
            raise Unreachable("away")
        batch = TrafficBatch.model_validate_json(body)
        if batch.start == self.committed.get(batch.file, 0) and batch.end > batch.start:
            self.committed[batch.file] = batch.end
            self.batches.append(batch)
        if self.lost_answers:
            self.lost_answers -= 1
            raise Unreachable("the answer was lost")
        return {"committed": self.committed.get(batch.file, 0)}

    @property
    def requests(self) -> int:
        return sum(count.requests for batch in self.batches for count in batch.counts)

    @property
    def shed(self) -> int:
        return sum(sum(batch.shed.values()) for batch in self.batches)
