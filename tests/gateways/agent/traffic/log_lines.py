"""Access-log lines as Envoy writes them, and a console that keeps offsets as the real one does."""

from pathlib import Path
from typing import Any

from gateways.agent.link.client import Unreachable
from gateways.agent.xds.access_log import FIELD, PART
from gateways.protocol.messages import TrafficBatch

START = 1_795_418_180


ROUTE = "sandbox/apii-1/main"


def line(
    at: float | str = START,
    *,
    route: str | None = ROUTE,
    removed: str = "",
    put: str = "",
    method: str = "GET",
    status: int = 200,
    details: str = "via_upstream",
    policy: str = "-",
    total: object = 1500,
    upstream: object = 1000,
    received: object = 0,
    sent: object = 10,
    path: str = "/orders",
    noted: str = "-",
    held: str = "-",
    reason: str = "-",
    observed: str = "-",
    request_id: str = "-",
    agent: str = "curl/8",
    flags: str = "-",
    host: str = "10.0.0.7:80",
    cluster: str | None = "-",
    grpc: str | None = "-",
) -> bytes:
    """Without `grpc` it is one of the release before, without a `cluster` of the one before that."""
    time = at if isinstance(at, str) else f"{at:.6f}"
    name = "-" if route is None else f"{route} {removed} {put} "
    later = [one for one in (cluster, grpc if cluster else None) if one]
    key = PART.join([name, method, str(status), details, policy, "-", flags, *later])
    rest = PART.join([host, host, "HTTP/1.1", "127.0.0.1", agent])
    fields = [
        time,
        key,
        total,
        upstream,
        received,
        sent,
        path,
        noted,
        held,
        reason,
        observed,
        request_id,
        rest,
    ]
    return FIELD.join(map(str, fields)).encode() + b"\n"


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
