"""Thousands of agents' streams that mostly wait: what they weigh, and how soon a change comes down them."""

import asyncio
import base64
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import report
from bench.processes import Failed, cpu_seconds, resident_mb, wait_for
from bench.stack import MeasuredStack, running
from gateways.protocol import trust
from gateways.protocol.frames import STREAM_PATH
from gateways.protocol.messages import CONSOLE

SIZES = (500, 2000, 5000)
AT_ONCE = 200
"""How many agents open their streams side by side."""
IDLE_SECONDS = 30
CHANGES = 30


@dataclass
class Agents:
    """They open their streams, read on, and note when each snapshot came, by gateway."""

    port: int
    private_key: str
    opened: int = 0
    ended: list[str] = field(default_factory=list)
    came: dict[str, list[float]] = field(default_factory=dict)

    def start(self, gateways: list[str]) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(
            target=self._loop.run_until_complete, args=(self._all(gateways),), daemon=True
        ).start()

    async def _all(self, gateways: list[str]) -> None:
        room = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self._one(gateway, room) for gateway in gateways))

    async def _one(self, gateway: str, room: asyncio.Semaphore) -> None:
        try:
            async with room:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                signer = trust.Signer(self.private_key, gateway)
                signed = signer.headers(CONSOLE, "GET", STREAM_PATH, subject=gateway)["Authorization"]
                head = f"GET {STREAM_PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: {signed}\r\n\r\n"
                writer.write(head.encode())
                status = await reader.readline()
                if b" 200 " not in status:
                    raise Failed(status.decode())
                await reader.readuntil(b'"kind":"hello"')
                self.opened += 1
            while piece := await reader.read(64 * 1024):
                if b'"kind":"snapshot"' in piece:
                    self.came.setdefault(gateway, []).append(time.monotonic())
            self.ended.append("the end")
        except (OSError, asyncio.IncompleteReadError, Failed) as error:
            self.ended.append(repr(error))


def measure(folder: Path, *, quick: bool, rounds: int) -> None:
    """`rounds` says nothing here: each size is measured once, with many changes."""
    rows = []
    for size in (50,) if quick else SIZES:
        report.progress(f"{size} streams")
        with running(folder / f"stack-{size}") as stack:
            rows.append(_row(stack, size, idle_seconds=5 if quick else IDLE_SECONDS))
    report.tell("streams", "Agents' streams that wait, one of each gateway", rows, quick=quick)


def _row(stack: MeasuredStack, size: int, *, idle_seconds: float) -> dict[str, Any]:
    keys = trust.key_pair()
    public = base64.b64encode(keys.public.encode()).decode()
    gateways: list[str] = stack.django("bench.streams_data", "make", str(size), public)
    link, front = _pid(stack, b"link"), _pid(stack, b"envoy", b"front")
    empty = resident_mb(link), resident_mb(front)
    agents = Agents(stack.port, keys.private)
    used, began = cpu_seconds(link), time.monotonic()
    agents.start(gateways)
    wait_for(lambda: agents.opened == size or bool(agents.ended), 300, f"{size} streams", every=0.05)
    opening, opening_cpu = time.monotonic() - began, cpu_seconds(link) - used
    used, front_used = cpu_seconds(link), cpu_seconds(front)
    time.sleep(idle_seconds)
    idle = (cpu_seconds(link) - used) / idle_seconds, (cpu_seconds(front) - front_used) / idle_seconds
    one = _changes(stack, agents, "one", min(CHANGES, size))
    full = resident_mb(link), resident_mb(front)
    every = _changes(stack, agents, "all", size)
    if agents.ended:
        raise Failed(f"{len(agents.ended)} streams ended: {agents.ended[0]}")
    return {
        "streams": size,
        "opened in s": opening,
        "link's CPU ms a stream opened": 1000 * opening_cpu / size,
        "link KB a stream": 1024 * (full[0] - empty[0]) / size,
        "front KB a stream": 1024 * (full[1] - empty[1]) / size,
        "link's share of a core, idle": idle[0],
        "front's, idle": idle[1],
        "one change p50 ms": report.percentile(one, 0.5),
        "p95 ms": report.percentile(one, 0.95),
        "a change of each: the last has it after s": max(every) / 1000,
    }


def _changes(stack: MeasuredStack, agents: Agents, which: str, count: int) -> list[float]:
    """Milliseconds from before a change was sent, or the first of all, until its gateway had it."""
    agents.came.clear()
    sent: dict[str, float] = stack.django("bench.streams_data", which, str(count))
    wait_for(lambda: all(agents.came.get(one) for one in sent), 120, f"{which}: {count} changes", every=0.02)
    first = min(sent.values())
    return [1000 * (agents.came[one][0] - (at if which == "one" else first)) for one, at in sent.items()]


def _pid(stack: MeasuredStack, *words: bytes) -> int:
    for pid in stack.pids():
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if all(word in command for word in words) and (len(words) > 1 or b"\0link\0" in command):
            return pid
    raise Failed(f"there is no process {words}")
