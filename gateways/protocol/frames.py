"""What travels down a stream: the answer to GET /agent/v1/stream, which the console never ends by itself.

A frame is a line of JSON and, when it says so, as many bytes after it. Reading goes on past frames and
fields of later versions.

    hello     the stream stands; a ping comes at least every `ping_seconds`
    ping      it still does; `is_woken` is false while the console cannot hear of changes
    snapshot  the newest one, in the bytes; `signature` is the console's, as of PUT SNAPSHOT_PATH
    contracts the newest ones, a `book` in the bytes; signed as of PUT BOOK_PATH
    changes   what they differ in from those before, to agents that say that they know of it (`KNOWS_HEADER`
              of their request); signed as of PUT CHANGES_PATH
    pull      there is a newer snapshot, or there are newer contracts, to be fetched
    bye       the console ends the stream, for `reason`
"""

import time
from collections.abc import Callable, Iterable, Iterator

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from gateways.protocol.messages import SNAPSHOT_LIMIT

STREAM_PATH = "/agent/v1/stream"
SNAPSHOT_PATH = "/v1/snapshot"
PING_SECONDS = 5
LINE_LIMIT = 16 * 1024
FRAME_SECONDS = 180
"""In which a frame must have come, once it has begun: the console gives up after 120."""


class BadFrame(Exception):
    """What was read is no frame."""


class Frame(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)

    kind: str = Field(max_length=40)
    size: int = Field(0, ge=0, le=SNAPSHOT_LIMIT)
    ping_seconds: float = Field(PING_SECONDS, gt=0, le=300)
    is_woken: bool = True
    signature: str = ""
    reason: str = ""

    @property
    def line(self) -> bytes:
        return self.model_dump_json(by_alias=True, exclude_defaults=True).encode() + b"\n"


def frames(
    chunks: Iterable[bytes], clock: Callable[[], float] = time.monotonic
) -> Iterator[tuple[Frame, bytes]]:
    """Each frame with its bytes, as soon as they are there. Raises BadFrame."""
    unread = bytearray()
    frame: Frame | None = None
    began = clock()
    for chunk in chunks:
        if frame is None and not unread:
            began = clock()
        elif clock() - began > FRAME_SECONDS:
            raise BadFrame(f"a frame that takes longer than {FRAME_SECONDS} s")
        unread += chunk
        while True:
            if frame is None:
                end = unread.find(b"\n")
                if max(end, len(unread) if end < 0 else 0) > LINE_LIMIT:
                    raise BadFrame(f"a line of more than {LINE_LIMIT} bytes")
                if end < 0:
                    break
                frame = _frame(bytes(unread[:end]))
                del unread[: end + 1]
            if len(unread) < frame.size:
                break
            body = bytes(unread[: frame.size])
            del unread[: frame.size]
            yield frame, body
            frame, began = None, clock()


def _frame(line: bytes) -> Frame:
    try:
        return Frame.model_validate_json(line)
    except ValidationError as error:
        raise BadFrame(f"not a frame: {line[:80]!r}") from error
