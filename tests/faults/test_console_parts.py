"""Workers killed, Valkey and PostgreSQL frozen or gone: gateways serve on, nothing saved is lost, all heals.

"Frozen" (SIGSTOP) is a server that hangs, for as long as its evidence takes; "gone" (SIGKILL) one whose
socket refuses, for longer than replicas are waited for and than anybody waits between two tries.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from apis.deployment import push
from console.stack.waiting import wait_for
from tests.faults.console import Console
from tests.faults.steady import SteadyCalls
from tests.running import PROJECT, Stack

pytestmark = [pytest.mark.stack, pytest.mark.faults, pytest.mark.timeout(180)]

SECONDS = {"frozen": 0, "gone": 30}
"""How long a fault lasts at the least."""
FAULTS = ["frozen", pytest.param("gone", marks=pytest.mark.long)]


@pytest.fixture(scope="module")
def console(stack: Stack) -> Console:
    return Console(stack, "faults")


@pytest.fixture
def second_worker(stack: Stack) -> Iterator[None]:
    command = "-m celery -A console.celery --skip-checks worker -n second@%h --pool threads --concurrency 4"
    lines: list[str] = []
    worker = subprocess.Popen(
        [sys.executable, *command.split(), "--without-gossip", "--without-mingle", "--loglevel", "info"],
        cwd=PROJECT,
        env=stack.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert worker.stderr is not None
    for line in worker.stderr:
        lines.append(line)
        if "ready" in line:
            break
    assert worker.poll() is None, lines
    yield
    worker.terminate()
    worker.wait(30)


def test_a_push_whose_worker_is_killed_arrives_once(console: Console) -> None:
    before = console.generation
    wait_for(lambda: console.acks(before) == 1, 20, "the end of the push before")

    with SteadyCalls(console.url) as calls:
        with console.frozen("gateway"):
            assert console.save("1").is_success
            wait_for(lambda: is_pushed(console, before + 1), 20, "the push")
            killed = console.pid("worker")
            os.kill(killed, signal.SIGKILL)
        console.wait_for_version("1")
        wait_for(lambda: console.acks(before + 1) == 1, 20, "the answer")

    assert console.generation == before + 1
    assert console.query("select max(generation) from gateways_replica") == before + 1
    wait_for(lambda: console.status() == "active", 20, "Active")
    wait_for(lambda: console.pid("worker") != killed, 20, "a new worker")
    console.wait_until_healthy()
    console.account(calls)


def is_pushed(console: Console, generation: int) -> bool:
    return bool(
        console.query(f"select count(*) from gateways_deployment where generation = {generation}")
        and not console.acks(generation)
    )


@pytest.mark.long
@pytest.mark.usefixtures("second_worker")
def test_twenty_quick_saves_before_two_workers_make_few_pushes(console: Console) -> None:
    """Two, where all come within the pause that a push is followed by."""
    before, began = console.generation, time.monotonic()

    with SteadyCalls(console.url) as calls:
        with console.frozen("gateway"):
            for number in range(20):
                assert console.save(f"quick-{number}").is_success
        pauses = (time.monotonic() - began) / push.QUIET.total_seconds()
        console.wait_for_version("quick-19")
        wait_for(lambda: console.acks(before + 20) == 1, 20, "the answer")

    assert console.generation == before + 20
    assert (
        console.query(f"select count(*) from gateways_deployment where generation > {before}") <= 2 + pauses
    )
    console.account(calls)


@pytest.mark.parametrize("fault", FAULTS)
def test_without_valkey_changes_arrive_and_pages_say_what_is_wrong(console: Console, fault: str) -> None:
    with SteadyCalls(console.url) as calls:
        with getattr(console, fault)("valkey"):
            wait_for(lambda: console.health()["valkey"] == "does not answer", 20, "the fault")
            saved = console.save(f"without-{fault}")
            console.wait_for_version(f"without-{fault}")
            wait_for(lambda: "Valkey: does not answer" in console.page("/apis").text, 20, "the banner")
            status_page = console.page("/administration/system")
            assert console.health()["database"] == "up"
            calls.go_on_for(SECONDS[fault])
        console.wait_until_healthy()
        wait_for(lambda: "Valkey:" not in console.page("/apis").text, 20, "no banner")

    assert saved.is_success
    assert "What to do:" in status_page.text
    console.account(calls)
    assert console.save(f"after-{fault}").is_success
    console.wait_for_version(f"after-{fault}")
    wait_for(lambda: console.is_pushed_by_worker(console.generation), 10, "a push by a worker")


@pytest.mark.parametrize("fault", FAULTS)
def test_without_the_database_the_console_says_so_and_loses_nothing(console: Console, fault: str) -> None:
    assert console.save(f"kept-{fault}").is_success
    console.wait_for_version(f"kept-{fault}")

    with SteadyCalls(console.url) as calls:
        with getattr(console, fault)("postgres"):
            wait_for(lambda: console.page("/apis").status_code == 503, 30, "the page of the fault")
            page = console.page("/apis")
            lost = console.save("never")
            health = console.health()
            calls.go_on_for(SECONDS[fault])
        console.wait_until_healthy()
        page_after = console.page("/apis")

    assert "database does not answer" in page.text
    assert "sqlstate" not in page.text.lower()
    assert (lost.status_code, lost.json()["name"]) == (503, "ServiceUnavailableError")
    assert lost.headers["Retry-After"]
    assert (health["database"], health["valkey"]) == ("does not answer", "up")
    assert page_after.status_code == 200
    console.account(calls)
    assert console.version() == f"kept-{fault}"
    assert console.save(f"then-{fault}").is_success
    console.wait_for_version(f"then-{fault}")
    console.check_account()


def test_killed_and_started_again_all_of_it_serves_what_was_saved(console: Console, stack: Stack) -> None:
    assert console.save("kept").is_success
    console.wait_for_version("kept")
    assert stack.process is not None
    stack.process.kill()
    stack.process.wait(10)

    stack.start()

    console.wait_until_healthy()
    console.wait_for_version("kept")
    assert console.save("again").is_success
    console.wait_for_version("again")
