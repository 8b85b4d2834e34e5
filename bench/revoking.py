"""From the REST call that revokes a contract, or restores it, to the first answer that obeys it."""

import http.client
import random
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench import report, rivals
from bench.processes import Cores, wait_for
from bench.revoking_data import SECRET
from bench.stack import MeasuredStack, Rest, running

SIZES = ((1, 10_000), (300, 33))
"""APIs, and contracts of each."""
CHANGES = 40
AIM_MS = 1000


def tell(folder: Path, *, quick: bool) -> None:
    title = "From the REST call to the first answer that obeys it, on open connections"
    report.tell("revoking", title, rows(folder, quick=quick), quick=quick)


def rows(folder: Path, *, quick: bool) -> list[dict[str, Any]]:
    found = []
    with rivals.upstream(folder / "upstream-revoking", Cores.of_this_machine()) as upstream:
        for apis, each in ((1, 1000), (20, 33)) if quick else SIZES:
            report.progress(f"{apis} APIs with {each} contracts each")
            with running(folder / f"stack-{apis}") as stack:
                target = f"http://127.0.0.1:{upstream.port}"
                found.append(_measured(stack, target, apis, each, 5 if quick else CHANGES))
    return found


@dataclass
class Callers:
    """One client on an open connection, who notes when its answer changes, and one who may always call."""

    port: int
    path: str
    changed: list[tuple[float, int]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    requests: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)

    def start(self, toggled: str, kept: str) -> None:
        threading.Thread(target=self._ask, args=(toggled, self._note), daemon=True).start()
        threading.Thread(target=self._ask, args=(kept, self._expect), daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def has_changed(self, seen: int) -> bool:
        return len(self.changed) > seen

    def _ask(self, client: str, take: Any) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"client_id": client, "client_secret": SECRET}
        while not self._stopping.wait(0.004):
            connection.request("GET", self.path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            take(answer.status)
            self.requests += 1

    def _note(self, status: int) -> None:
        if not self.changed or self.changed[-1][1] != status:
            self.changed.append((time.monotonic(), status))

    def _expect(self, status: int) -> None:
        if status != 200:
            self.wrong.append(str(status))


def _measured(stack: MeasuredStack, upstream: str, apis: int, each: int, changes: int) -> dict[str, Any]:
    made = stack.django("bench.revoking_data", str(apis), str(each), str(stack.api_port), upstream)
    wait_for(lambda: made["generation"] in stack.applied_ms(), 120, "the seeded APIs", every=0.1)
    rest = Rest.of(stack, made["organization"], made["environment"])
    callers = Callers(stack.api_port, "/bench-0/")
    callers.start("client-7", "client-8")
    wait_for(lambda: bool(callers.changed) and callers.changed[-1][1] == 200, 30, "a first 200")
    address = f"/apimanager/api/v1/{rest.scope}/apis/{made['api']}/contracts/{made['contracts'][7]}"
    live, answered = [], []
    for number in range(changes):
        # Not at once after the last one, and in no rhythm with any timer of ours.
        time.sleep(random.uniform(0.5, 1.5))  # noqa: S311 - no secret
        status, wanted = (("REVOKED", 401), ("APPROVED", 200))[number % 2]
        began, seen = time.monotonic(), len(callers.changed)
        rest.client.patch(address, json={"status": status}).raise_for_status()
        answered.append(1000 * (time.monotonic() - began))
        wait_for(partial(callers.has_changed, seen), 30, f"{wanted} after {status}", every=0.001)
        at, told = callers.changed[-1]
        assert told == wanted, callers.changed[-3:]
        live.append(1000 * (at - began))
    callers.stop()
    return {
        "APIs": apis,
        "contracts of each": each,
        "p50 ms": report.percentile(live, 0.5),
        "p95 ms": report.percentile(live, 0.95),
        "worst ms": max(live),
        "aim ms": AIM_MS,
        "of it REST p50 ms": report.percentile(answered, 0.5),
        "changes": changes,
        "requests meanwhile": callers.requests,
        "wrong": len(callers.wrong),
    }
