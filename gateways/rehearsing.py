"""Has requests rehearsed in a process of its own: bounded, without the console's secrets, always ended.

For tasks and commands; a page's thread does not wait for it. Each rehearsal has a process, which is thrown
away with what it was told; one more stands ready, since reading its modules takes longer than the rest.
"""

import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson

from gateways.protocol.rehearsal import (
    MOST_LINE_BYTES,
    Evaluate,
    NotServed,
    Played,
    RehearsalInput,
    Reply,
    Request,
    Value,
    Verdict,
)
from gateways.protocol.resources import AnyResource

PROJECT = Path(__file__).resolve().parents[1]
COMMAND = ("-m", "gateways.agent.cli", "rehearse", "-", "--json")
"""The options that Python is started with."""
KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")
"""The variables that it gets of our environment: it needs no secret."""
READY_SECONDS = 60
MORE_SECONDS = 20
"""What an answer may take beyond the request's own time."""
CPU_SECONDS, MEMORY_BYTES = 300, 1024 * 1024 * 1024
"""Of the process, and of each that it starts; an Envoy's usual memory is a tenth of it."""
END_SECONDS = 2
SPARE_SECONDS = 540
"""How long one may have waited for its first line; a minute later it ends by itself."""
_PIECE_BYTES = 64 * 1024


class RehearsalEnded(RuntimeError):
    """The process is gone, or does not answer in time."""


class NotAsked(ValueError):
    """The rehearsal does not take the question; the text says why."""


class Rehearsing:
    """`ports` and `not_served` tell what the resources became."""

    def __init__(self, process: "subprocess.Popen[bytes]", ready_seconds: float) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._in, self._out = process.stdin.fileno(), process.stdout.fileno()
        self._read = b""
        self._ready_seconds = ready_seconds
        self.ports: tuple[int, ...] = ()
        self.not_served: tuple[NotServed, ...] = ()

    def serve(self, resources: Sequence[AnyResource], answers: Sequence[Played] = ()) -> None:
        """From now on these; counters of policies begin anew. Raises RehearsalEnded, NotAsked."""
        line = RehearsalInput(resources=tuple(resources), answers=tuple(answers))
        ready = self._reply(line, self._ready_seconds)
        self.ports, self.not_served = ready.ports or (), ready.not_served or ()

    def evaluate(self, asked: Evaluate, request: Request, answers: Sequence[Played] = ()) -> Value:
        """Raises RehearsalEnded, NotAsked."""
        line = RehearsalInput(evaluate=asked, request=request, answers=tuple(answers))
        reply = self._reply(line, self._ready_seconds + request.seconds)
        assert reply.value is not None
        return reply.value

    def ask(self, request: Request, answers: Sequence[Played] = (), *, foresees: bool = False) -> Verdict:
        """Raises RehearsalEnded, NotAsked."""
        line = RehearsalInput(request=request, answers=tuple(answers), foresees=foresees)
        reply = self._reply(line, request.seconds + MORE_SECONDS)
        assert reply.verdict is not None
        return reply.verdict

    def _reply(self, line: RehearsalInput, seconds: float) -> Reply:
        deadline = time.monotonic() + seconds
        self._write(_text(line), deadline)
        while b"\n" not in self._read:
            self._wait(self._out, deadline, is_writing=False)
            piece = os.read(self._out, _PIECE_BYTES)
            if not piece or len(self._read) > MOST_LINE_BYTES:
                raise RehearsalEnded("the rehearsal's process ended")
            self._read += piece
        text, _, self._read = self._read.partition(b"\n")
        reply = Reply.model_validate_json(text)
        if reply.error is not None:
            raise NotAsked(reply.error)
        return reply

    def _write(self, text: bytes, deadline: float) -> None:
        left = memoryview(text)
        while left:
            self._wait(self._in, deadline, is_writing=True)
            try:
                left = left[os.write(self._in, left) :]
            except BrokenPipeError:
                raise RehearsalEnded("the rehearsal's process ended") from None

    @staticmethod
    def _wait(descriptor: int, deadline: float, *, is_writing: bool) -> None:
        reading, writing = ([], [descriptor]) if is_writing else ([descriptor], [])
        if not any(select.select(reading, writing, [], max(0, deadline - time.monotonic()))):
            raise RehearsalEnded("the rehearsal does not answer in time")


@contextmanager
def rehearsing(
    resources: Sequence[AnyResource] | None,
    answers: Sequence[Played] = (),
    command: tuple[str, ...] = COMMAND,
    ready_seconds: float = READY_SECONDS,
) -> Iterator[Rehearsing]:
    """`resources` are None where expressions alone are evaluated. Raises RehearsalEnded, NotAsked."""
    process = _spares.taken() if command == COMMAND else None
    process = process or _started(command)
    try:
        made = Rehearsing(process, ready_seconds)
        if resources is not None:
            made.serve(resources, answers)
        yield made
    finally:
        _end(process)


def prepare() -> None:
    """Has a process stand ready for the next rehearsal, for as long as one waits for its first line."""
    _spares.prepare()


class _Spares:
    """The one process that stands ready: it was told nothing yet, and ends by itself when nobody comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0

    def taken(self) -> "subprocess.Popen[bytes] | None":
        with self._lock:
            process, self._process = self._process, None
        if process is None or self._is_fresh(process):
            return process
        _end(process)
        return None

    def prepare(self) -> None:
        with self._lock:
            if self._process is not None and self._is_fresh(self._process):
                return
            gone, self._process, self._started_at = self._process, _started(COMMAND), time.monotonic()
        if gone is not None:
            _end(gone)

    def _is_fresh(self, process: "subprocess.Popen[bytes]") -> bool:
        return process.poll() is None and time.monotonic() - self._started_at < SPARE_SECONDS


_spares = _Spares()


def _started(command: tuple[str, ...]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=PROJECT,
        env={name: os.environ[name] for name in KEPT if name in os.environ},
        start_new_session=True,
    )
    assert process.stdin is not None and process.stdout is not None
    os.set_blocking(process.stdin.fileno(), False)
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.prlimit(process.pid, resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    return process


def _text(line: RehearsalInput) -> bytes:
    """The key of a caller's certificate goes along: it is for this process alone."""
    plain = line.model_dump(mode="json", by_alias=True, exclude_none=True)
    if line.request is not None:
        plain["request"]["key"] = line.request.key.get_secret_value()
    return orjson.dumps(plain) + b"\n"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Without input it ends and cleans up behind it; killed, it takes its Envoy along all the same."""
    assert process.stdin is not None and process.stdout is not None
    process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
