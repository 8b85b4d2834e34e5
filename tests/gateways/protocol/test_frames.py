"""What comes down a stream, however it is cut into pieces on its way."""

from collections.abc import Iterator

import pytest

from gateways.protocol.frames import FRAME_SECONDS, LINE_LIMIT, BadFrame, Frame, frames
from gateways.protocol.messages import SNAPSHOT_LIMIT

BODY = b'{"a":\n"b"}\n'
SENT = Frame(kind="hello").line + Frame(kind="snapshot", size=len(BODY)).line + BODY + Frame(kind="ping").line


@pytest.mark.parametrize("length", [1, 2, 7, 20, 1000])
def test_pieces_of_any_length_make_the_same_frames(length: int) -> None:
    pieces = [SENT[start : start + length] for start in range(0, len(SENT), length)]

    found = [(frame.kind, body) for frame, body in frames(pieces)]

    assert found == [("hello", b""), ("snapshot", BODY), ("ping", b"")]


def test_a_frame_is_there_with_its_last_byte() -> None:
    def pieces() -> Iterator[bytes]:
        yield Frame(kind="hello").line
        raise AssertionError("more was asked for")

    assert next(frames(pieces()))[0].kind == "hello"


def test_frames_and_fields_of_later_versions_are_passed_over() -> None:
    later = b'{"kind":"weather","size":3,"sky":"blue"}\nabc'

    found = [frame.kind for frame, _ in frames([later + Frame(kind="ping").line])]

    assert found == ["weather", "ping"]


@pytest.mark.parametrize(
    "sent",
    [
        b"<html>\n",
        b"[]\n",
        b'{"kind":"snapshot","size":-1}\n',
        b'{"kind":"snapshot","size":%d}\n' % (SNAPSHOT_LIMIT + 1),
        b"x" * (LINE_LIMIT + 1),
    ],
)
def test_what_is_no_frame_ends_the_reading(sent: bytes) -> None:
    with pytest.raises(BadFrame):
        list(frames([sent]))


@pytest.mark.parametrize("begun", [b'{"kind":', Frame(kind="snapshot", size=SNAPSHOT_LIMIT).line, SENT[:-3]])
def test_a_frame_that_never_ends_is_given_up(begun: bytes) -> None:
    clock = iter(range(0, 100 * FRAME_SECONDS, 5))

    def pieces() -> Iterator[bytes]:
        yield begun
        for _ in range(FRAME_SECONDS):
            yield b"x"
        raise AssertionError("it is still read")

    with pytest.raises(BadFrame, match="takes longer"):
        list(frames(pieces(), lambda: next(clock)))


def test_a_stream_of_short_frames_never_ends() -> None:
    clock = iter(range(0, 1000 * FRAME_SECONDS, FRAME_SECONDS - 1))

    assert len(list(frames([Frame(kind="ping").line] * 50, lambda: next(clock)))) == 50
