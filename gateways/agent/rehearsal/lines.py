"""A rehearsal for another program: lines of JSON in, a line of JSON out for each."""

import os
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import BinaryIO

import orjson
from pydantic import ValidationError

from gateways.agent.rehearsal.envoy import NotStarted
from gateways.agent.rehearsal.evaluating import Evaluating
from gateways.agent.rehearsal.rehearsal import NoPort, Rehearsal
from gateways.protocol.faults import dotted, explained
from gateways.protocol.rehearsal import MOST_LINE_BYTES, NotServed, Played, RehearsalInput, Reply
from gateways.protocol.resources import AnyResource

IDLE_SECONDS = 600
MOST_LINES = 100_000

Made = Callable[[Sequence[AnyResource], Sequence[Played]], Rehearsal]


class TooLong(Exception):
    """A line has no end within its bound: what follows cannot be told from it."""


def serve(source: BinaryIO, out: BinaryIO, first: Rehearsal | None, made: Made) -> None:
    """Until the input ends, says nothing for IDLE_SECONDS, or has had its lines.

    `first` is what serves before any resources come; it has begun. Each line has its answer before the next
    is read.
    """
    evaluating: Evaluating | None = None
    with ExitStack() as begun, ExitStack() as opened:
        serving = first
        if first is not None:
            _tell(out, _ready(first))
        try:
            for number, text in enumerate(_lines(source)):
                if number == MOST_LINES:
                    _tell(out, Reply(error=f"{MOST_LINES} lines are enough; start another process"))
                    return
                try:
                    line = RehearsalInput.model_validate_json(text)
                    if line.evaluate is not None:
                        evaluating = evaluating or begun.enter_context(Evaluating())
                        _tell(out, _evaluated(evaluating, line))
                    elif line.resources is not None:
                        opened.close()
                        serving = opened.enter_context(made(line.resources, line.answers))
                        _tell(out, _ready(serving))
                    else:
                        _tell(out, _tried(serving, line))
                except ValidationError as error:
                    found = explained(error, RehearsalInput)
                    told = [f"{dotted(path) or 'the line'}: {message}" for path, message in found]
                    _tell(out, Reply(error="; ".join(told)))
                except (NotStarted, OSError) as error:
                    serving = None
                    _tell(out, Reply(error=str(error)))
        except TooLong as error:
            _tell(out, Reply(error=str(error)))


def _tried(serving: Rehearsal | None, line: RehearsalInput) -> Reply:
    if serving is None:
        return Reply(error="there is nothing to try it on: give resources first")
    assert line.request is not None
    try:
        return Reply(verdict=serving.ask(line.request, line.answers, foresees=line.foresees))
    except NoPort as error:
        return Reply(error=str(error))


def _evaluated(evaluating: Evaluating, line: RehearsalInput) -> Reply:
    assert line.evaluate is not None and line.request is not None
    return Reply(value=evaluating.value(line.evaluate, line.request, line.answers))


def _ready(serving: Rehearsal) -> Reply:
    missing = [
        NotServed(api="/".join(one.key), port=one.port, base_path=one.base_path, faults=one.faults)
        for one in serving.absent
    ]
    return Reply(ports=serving.ports, not_served=tuple(missing))


def _lines(source: BinaryIO) -> Iterator[bytes]:
    """Raises TooLong."""
    kept: list[bytes] = []
    size = 0
    while select.select([source], [], [], IDLE_SECONDS)[0]:
        piece = os.read(source.fileno(), 1024 * 1024)
        *whole, rest = piece.split(b"\n")
        for one in whole:
            text, kept, size = b"".join([*kept, one]), [], 0
            if text.strip():
                yield text
        kept.append(rest)
        size += len(rest)
        if size > MOST_LINE_BYTES:
            raise TooLong(f"a line is longer than {MOST_LINE_BYTES} bytes")
        if not piece:
            return


def _tell(out: BinaryIO, reply: Reply) -> None:
    plain = reply.model_dump(mode="json", by_alias=True, exclude_none=True)
    out.write(orjson.dumps(plain) + b"\n")
    out.flush()
