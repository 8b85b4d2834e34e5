"""The contracts in force: those of the resources, and those that the console sends on a road of their own."""

import threading
from collections.abc import Iterable
from pathlib import Path

from policies.contracts.contract import Contract
from policies.contracts.memory import Book


class Ledger:
    """Thread-safe: a change of contracts waits for no snapshot that is being applied."""

    def __init__(self, state: Path) -> None:
        self._book = Book(state)
        self._lock = threading.Lock()
        self._own: tuple[Contract, ...] | None = None
        self._sent: tuple[Contract, ...] = ()

    @property
    def own(self) -> tuple[Contract, ...] | None:
        """Those of the resources that are in force; None where this process has put none into force yet."""
        return self._own

    @property
    def sent(self) -> tuple[Contract, ...]:
        """Those of the console that are in force."""
        return self._sent

    def write_own(self, contracts: Iterable[Contract]) -> None:
        """From now on these are those of the resources. Harmless on repeat. Raises OSError, and then nothing
        has changed.
        """
        with self._lock:
            own = tuple(contracts)
            self._book.write((*own, *self._sent))
            self._own = own

    def write_sent(self, contracts: Iterable[Contract]) -> None:
        """The same of those that the console sent."""
        with self._lock:
            sent = tuple(contracts)
            self._book.write((*(self._own or ()), *sent))
            self._sent = sent
