import threading
from pathlib import Path
from typing import Any

import pytest

from gateways.agent.link.client import ConsoleRefused, Unreachable
from gateways.agent.traffic.log_files import LogFiles
from gateways.agent.traffic.uplink import Uplink
from tests.gateways.agent.traffic.log_lines import OffsetConsole, append, line


class Envoy:
    """Opens its log anew when told, unless its admin interface is away."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.is_away = False

    def reopen(self) -> None:
        if self.is_away:
            raise ConnectionError("no admin interface")
        (self.folder / "access.log").touch()


@pytest.fixture
def envoy(tmp_path: Path) -> Envoy:
    return Envoy(tmp_path)


@pytest.fixture
def console() -> OffsetConsole:
    return OffsetConsole()


def make_uplink(envoy: Envoy, console: OffsetConsole, *, tells: bool = True, **files: int) -> Uplink:
    chunk_bytes = files.pop("chunk_bytes", 1024 * 1024)
    logs = LogFiles(envoy.folder, envoy.reopen, **files)
    return Uplink(
        envoy.folder,
        console.send,
        "replica",
        reopen=envoy.reopen,
        files=logs,
        tells_services=lambda: tells,
        chunk_bytes=chunk_bytes,
    )


def ship_all(uplink: Uplink) -> None:
    while uplink.ship():
        pass


def test_each_line_is_shipped_once(envoy: Envoy, console: OffsetConsole) -> None:
    uplink = make_uplink(envoy, console)

    for _ in range(5):
        append(envoy.folder, *[line()] * 3)
        ship_all(uplink)
        ship_all(uplink)

    assert console.requests == 15


def test_a_line_that_is_half_written_waits_for_its_rest(envoy: Envoy, console: OffsetConsole) -> None:
    uplink = make_uplink(envoy, console)
    whole = line()

    append(envoy.folder, line(), whole[:50])
    ship_all(uplink)
    append(envoy.folder, whole[50:])
    ship_all(uplink)

    assert console.requests == 2
    assert uplink.shed == {}


def test_a_lost_answer_does_not_count_twice(envoy: Envoy, console: OffsetConsole) -> None:
    uplink = make_uplink(envoy, console)
    append(envoy.folder, line())
    ship_all(uplink)

    append(envoy.folder, line(), line())
    console.lost_answers = 1
    with pytest.raises(Unreachable):
        ship_all(uplink)
    append(envoy.folder, line())
    ship_all(uplink)

    assert console.requests == 4


def test_an_agent_that_died_after_shipping_goes_on_where_the_console_is(
    envoy: Envoy, console: OffsetConsole
) -> None:
    append(envoy.folder, line(), line())
    ship_all(make_uplink(envoy, console))
    append(envoy.folder, line())
    console.lost_answers = 2

    for _ in range(4):
        try:
            ship_all(make_uplink(envoy, console))
        except Unreachable:
            continue

    assert console.requests == 3


def test_rotation_in_the_middle_of_a_batch_loses_nothing(envoy: Envoy, console: OffsetConsole) -> None:
    uplink = make_uplink(envoy, console, file_bytes=len(line()) * 2, chunk_bytes=len(line()) * 2)

    for number in range(20):
        append(envoy.folder, *[line()] * (number % 4))
        uplink.ship()
    ship_all(uplink)

    assert console.requests == sum(number % 4 for number in range(20))
    assert len(console.committed) > 3


def test_lines_written_before_envoy_reopens_its_log_are_shipped(envoy: Envoy, console: OffsetConsole) -> None:
    uplink = make_uplink(envoy, console, file_bytes=10)
    envoy.is_away = True
    append(envoy.folder, line())
    ship_all(uplink)
    (renamed,) = envoy.folder.glob("access.log.*")

    with renamed.open("ab") as still_open:
        still_open.write(line() + line()[:30])
    ship_all(uplink)
    envoy.is_away = False
    ship_all(uplink)
    append(envoy.folder, line())
    ship_all(uplink)

    assert console.requests == 3
    assert uplink.shed == {"malformed": 1}


def test_ids_are_never_given_twice(envoy: Envoy, console: OffsetConsole) -> None:
    for _ in range(3):
        append(envoy.folder, line())
        ship_all(make_uplink(envoy, console, file_bytes=10))
        for rotated in envoy.folder.glob("access.log.*"):
            rotated.unlink()

    assert console.requests == 3


def test_an_emptied_log_is_counted_as_another(envoy: Envoy, console: OffsetConsole) -> None:
    uplink = make_uplink(envoy, console)
    append(envoy.folder, line(), line())
    ship_all(uplink)

    (envoy.folder / "access.log").write_bytes(line())
    ship_all(uplink)

    assert console.requests == 3


def test_the_disk_stays_bounded_and_what_is_lost_is_said(envoy: Envoy, console: OffsetConsole) -> None:
    size = len(line())
    uplink = make_uplink(envoy, console, file_bytes=10 * size, total_bytes=35 * size)
    console.is_away = True

    for _ in range(10):
        append(envoy.folder, *[line()] * 10)
        with pytest.raises(Unreachable):
            uplink.ship()
    console.is_away = False
    ship_all(uplink)

    kept = sum(path.stat().st_size for path in envoy.folder.glob("access.log*"))
    assert kept <= 45 * size
    assert uplink.shed["disk"] + console.requests == 100


def test_the_torn_line_of_a_deleted_file_is_lost_as_well(envoy: Envoy, console: OffsetConsole) -> None:
    size = len(line())
    uplink = make_uplink(envoy, console, file_bytes=10 * size, total_bytes=15 * size)
    console.is_away = True

    for lines in ([*[line()] * 10, line()[:50]], [line()] * 10):
        append(envoy.folder, *lines)
        with pytest.raises(Unreachable):
            uplink.ship()
    console.is_away = False
    ship_all(uplink)

    assert uplink.shed == {"disk": 11}
    assert console.requests == 10


def test_what_the_console_cannot_read_is_given_up_and_said(envoy: Envoy, console: OffsetConsole) -> None:
    taken = console.send

    def picky(body: bytes) -> dict[str, int]:
        if b"poison" in body:
            raise ConsoleRefused(400, "not readable")
        return taken(body)

    console.send = picky  # type: ignore[method-assign]
    uplink = make_uplink(envoy, console)
    append(envoy.folder, line(), line(path="/poison"))
    ship_all(uplink)
    append(envoy.folder, line())
    ship_all(uplink)

    assert uplink.shed == {"refused": 2}
    assert console.requests == 1


def test_a_batch_over_the_limit_is_cut(envoy: Envoy, console: OffsetConsole) -> None:
    taken = console.send

    def small(body: bytes) -> dict[str, int]:
        if len(body) > 3000:
            raise ConsoleRefused(413, "too large")
        return taken(body)

    console.send = small  # type: ignore[method-assign]
    uplink = make_uplink(envoy, console)
    append(envoy.folder, *(line(path=f"/orders/{number}") for number in range(40)))
    ship_all(uplink)

    assert console.requests == 40
    assert uplink.shed == {}


def test_a_revoked_gateway_keeps_its_lines(envoy: Envoy, console: OffsetConsole) -> None:
    def refuse(body: bytes) -> dict[str, int]:
        raise ConsoleRefused(403, "revoked")

    append(envoy.folder, line())
    uplink = Uplink(envoy.folder, refuse, "replica", reopen=envoy.reopen)

    with pytest.raises(ConsoleRefused):
        uplink.ship()
    ship_all(make_uplink(envoy, console))

    assert console.requests == 1


def test_local_mode_rotates_within_its_limit(envoy: Envoy) -> None:
    size = len(line())
    logs = LogFiles(envoy.folder, envoy.reopen, file_bytes=5 * size, total_bytes=20 * size)
    uplink = Uplink(envoy.folder, None, "replica", reopen=envoy.reopen, files=logs)

    for _ in range(10):
        append(envoy.folder, *[line()] * 5)
        uplink.ship()

    assert sum(path.stat().st_size for path in envoy.folder.glob("access.log*")) <= 20 * size
    assert uplink.shed == {}


def test_the_thread_ships_and_its_end_ships_the_rest(envoy: Envoy, console: OffsetConsole) -> None:
    arrived = threading.Event()
    taken = console.send

    def noted(body: bytes) -> dict[str, int]:
        answer = taken(body)
        if console.requests:
            arrived.set()
        return answer

    console.send = noted  # type: ignore[method-assign]
    uplink = make_uplink(envoy, console)
    append(envoy.folder, line())

    uplink.start()
    assert arrived.wait(10)
    append(envoy.folder, line())
    uplink.stop()

    assert console.requests == 2


@pytest.mark.parametrize("tells", [True, False])
def test_a_console_of_the_release_before_is_told_no_upstreams(envoy: Envoy, tells: bool) -> None:
    console = OlderConsole()
    append(envoy.folder, line(cluster="v1.sandbox.svc-0a1b2c3d"), line())

    uplink = make_uplink(envoy, console, tells=tells)
    ship_all(uplink)

    assert (console.requests, uplink.shed) == (2, {})
    assert console.refused == tells


class OlderConsole(OffsetConsole):
    """It knows nothing of upstreams, and refuses what it does not know."""

    refused = 0

    def send(self, body: bytes) -> dict[str, Any]:
        if b'"service"' in body:
            self.refused += 1
            raise ConsoleRefused(422, "counts[0].service: unknown field")
        return super().send(body)
