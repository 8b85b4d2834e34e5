"""A signal is heeded wherever the main thread is."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from gateways.agent.host.signals import SIGNALS, on_signals
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _own_handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    signal.set_wakeup_fd(-1)
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_first_ends_and_the_next_hurries() -> None:
    stopping, hurried = threading.Event(), threading.Event()
    on_signals(stopping, hurried.set)

    os.kill(os.getpid(), signal.SIGTERM)
    assert stopping.wait(30)
    assert not hurried.is_set()
    os.kill(os.getpid(), signal.SIGINT)
    assert hurried.wait(30)


def test_one_that_comes_while_the_main_thread_begins_to_wait_is_heeded() -> None:
    """As `wait` does, which holds the event's lock for a moment: the handler ran there and took it again."""
    stopping = threading.Event()
    on_signals(stopping, lambda: None)

    with stopping._cond:  # type: ignore[attr-defined]
        os.kill(os.getpid(), signal.SIGTERM)

    wait_until(stopping.is_set)


def test_one_that_does_not_wake_the_main_thread_is_heeded() -> None:
    """As one that comes between its last look and its sleep: here another thread is interrupted."""
    stopping = threading.Event()
    on_signals(stopping, lambda: None)
    other = threading.Thread(target=stopping.wait, args=(30,))
    other.start()

    threading.Timer(0.2, signal.pthread_kill, (other.ident, signal.SIGTERM)).start()

    assert stopping.wait(30)
    other.join()
