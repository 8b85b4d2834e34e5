"""How a process is asked to end: by SIGTERM or SIGINT, and by another one to be quick."""

import os
import signal
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

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

    What Python runs for a signal interrupts the main thread anywhere: also where that holds the lock of
    an Event that it begins to wait for, and setting it there would wait for ever.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def listen() -> None:
        while os.read(reading, 1):
            asked()

    def note(*_: object) -> None:
        with suppress(BlockingIOError):
            os.write(writing, b"\0")

    threading.Thread(target=listen, name="signals", daemon=True).start()
    for number in numbers:
        signal.signal(number, note)
