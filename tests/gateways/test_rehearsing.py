"""The console's end of a rehearsal: a process of its own."""

from collections.abc import Iterator

import pytest

from gateways.agent.sources.files import load_text
from gateways.protocol.rehearsal import Played, Request
from gateways.rehearsing import NotAsked, RehearsalEnded, Rehearsing, rehearsing
from tests.gateways.agent.rehearsal.test_verdicts import BROKEN, CREDENTIALS, ORDERS

pytestmark = pytest.mark.envoy
RESOURCES = load_text(f"{ORDERS}---{BROKEN}").resources


@pytest.fixture(scope="module")
def started() -> Iterator[Rehearsing]:
    with rehearsing(RESOURCES) as made:
        yield made


def test_requests_are_asked_over_the_line(started: Rehearsing) -> None:
    verdict = started.ask(Request(target="/orders/7", headers=(CREDENTIALS,)), [Played(status=204)])

    assert started.ports == (8081,)
    assert [one.api for one in started.not_served] == ["default/broken"]
    assert (verdict.outcome, verdict.answer and verdict.answer.status) == ("upstream", 204)


def test_what_it_does_not_take_is_told_and_it_goes_on() -> None:
    with rehearsing(()) as nothing:
        with pytest.raises(NotAsked, match="say for which port"):
            nothing.ask(Request(target="/"))
        assert nothing.ask(Request(target="/", port=8081)).outcome == "rejected"


@pytest.mark.parametrize(("script", "said"), [("", "ended"), ("import time; time.sleep(60)", "in time")])
def test_process_that_ends_or_hangs_is_told(script: str, said: str) -> None:
    process = rehearsing(RESOURCES, command=("-c", script), ready_seconds=0.5 if script else 60)

    with pytest.raises(RehearsalEnded, match=said), process:
        pytest.fail("it began")


def test_the_consoles_secrets_stay_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_SECRET_KEY", "a-secret")
    script = 'import os, sys; sys.stdin.readline(); print(\'{"error": "%s"}\' % sorted(os.environ))'

    with pytest.raises(NotAsked) as told, rehearsing((), command=("-c", script)):
        pass

    assert "PATH" in str(told.value)
    assert "GATEWRIGHT" not in str(told.value)


def test_its_memory_has_an_end() -> None:
    script = (
        "import sys; sys.stdin.readline()\n"
        "try: bytearray(2 << 30)\n"
        'except MemoryError: print(\'{"error": "it has an end"}\')'
    )

    with pytest.raises(NotAsked, match="it has an end"), rehearsing((), command=("-c", script)):
        pass
