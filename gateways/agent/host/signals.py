"""How a gateway process is asked to end: by SIGTERM or SIGINT, and by another one to be quick."""

import signal
import threading
from collections.abc import Callable

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def on_signals(stopping: threading.Event, hurry: Callable[[], None]) -> None:
    """The first signal sets `stopping`, each later one calls `hurry`. Only the main thread may call this."""

    def ask(*_: object) -> None:
        if stopping.is_set():
            hurry()
        stopping.set()

    for number in SIGNALS:
        signal.signal(number, ask)
