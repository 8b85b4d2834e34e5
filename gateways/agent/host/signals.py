"""How a process is asked to end: by SIGTERM or SIGINT, and by another one to be quick."""

import os
import signal
import threading
from collections.abc import Callable, Iterable

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def on_signals(stopping: threading.Event, hurry: Callable[[], None]) -> None:
    """The first signal sets `stopping`, each later one calls `hurry`. Only the main thread may call this."""

    def asked() -> None:
        if stopping.is_set():
            hurry()
        stopping.set()

    heed(asked)


def heed(asked: Callable[[], None], numbers: Iterable[signal.Signals] = SIGNALS) -> None:
    """Calls `asked` for each signal, in a thread of its own.

    The main thread is not needed for it. What Python runs for a signal interrupts that one anywhere: also
    where it holds the lock of an Event that it begins to wait for, and setting it there would wait for ever.
    And a signal that comes just before it falls asleep, or that another thread is interrupted by, does not
    wake it. So the process itself writes the number into a pipe. Only the main thread may call this, once.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    wanted = frozenset(numbers)

    def listen() -> None:
        while told := os.read(reading, 1):
            if told[0] in wanted:
                asked()

    threading.Thread(target=listen, name="signals", daemon=True).start()
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in wanted:
        signal.signal(number, _leave_it_to_the_thread)


def _leave_it_to_the_thread(*_: object) -> None:
    """A signal without a handler would end the process, and write nothing."""
