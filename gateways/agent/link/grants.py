"""Takes the contracts that the console sends, pushed or pulled: they count at once, and are kept on disk."""

import logging
import threading
from pathlib import Path

from pydantic import ValidationError

from gateways.agent.host import state_folder
from gateways.agent.host.seal import Damaged, Seal
from gateways.agent.ledger import Ledger
from gateways.agent.translate import contracts as translate
from gateways.protocol import book
from gateways.protocol import resources as r
from gateways.protocol.faults import dotted, explained
from gateways.protocol.messages import BookState
from policies.contracts.contract import Contract

FILE_NAME = "contracts.sealed"
log = logging.getLogger(__name__)


class Grants:
    """Thread-safe. A change of them waits for no snapshot."""

    def __init__(self, ledger: Ledger, state: Path, gateway_id: str) -> None:
        self._ledger = ledger
        self._path = state / FILE_NAME
        self._seal = Seal(state)
        self._gateway_id = gateway_id
        self._lock = threading.Lock()
        self._state = BookState(generation=0, digest="")
        self._known: dict[bytes, Contract | str] = {}
        self._wrong: tuple[str, ...] = ()
        self._is_stored = True

    @property
    def state(self) -> BookState:
        """Which contracts are in force."""
        return self._state

    def troubles(self) -> list[str]:
        """What is wrong with contracts that grant nothing, and with the disk."""
        found = list(self._wrong)
        if not self._is_stored:
            found.append(
                f"Contracts {self._state.generation} are in force but could not be stored: after a restart "
                "older ones would count until the console is reached."
            )
        return found

    def restore(self) -> None:
        """Bring into force what counted last. What is damaged grants nothing."""
        try:
            body = self._seal.open(self._path.read_bytes())
            self._take(body, is_stored=True)
        except FileNotFoundError:
            return
        except (Damaged, OSError, ValueError) as error:
            log.error("contracts=%s used=false reason=%r", self._path, str(error))

    def take(self, body: bytes) -> bool:
        """Whether these count now: older ones than those in force do not. Raises ValueError for what is none,
        OSError when they cannot be put into force.
        """
        return self._take(body, is_stored=False)

    def _take(self, body: bytes, *, is_stored: bool) -> bool:
        with self._lock:
            head, lines = book.read(body)
            if head.gateway != self._gateway_id:
                raise ValueError("the contracts are another gateway's")
            offered = BookState(generation=head.generation, digest=head.digest)
            if offered.generation < self._state.generation:
                log.info("contracts=%d running=%d taken=false", head.generation, self._state.generation)
                return False
            if offered.digest != self._state.digest or not self._state.generation:
                known = {line: self._known.get(line) or _read(line) for line in lines}
                self._ledger.write_sent(one for one in known.values() if isinstance(one, Contract))
                self._known = known
                self._wrong = tuple(one for one in known.values() if isinstance(one, str))
            self._state = offered
            if not is_stored:
                self._keep(body)
            log.info("contracts=%d count=%d taken=true", head.generation, len(lines))
            return True

    def _keep(self, body: bytes) -> None:
        """What is in force stays so when that fails; the next ones are stored again."""
        try:
            state_folder.write_bytes(self._path, self._seal.close(body))
            self._is_stored = True
        except OSError as error:
            log.error("contracts=%d stored=false reason=%s", self._state.generation, error)
            self._is_stored = False


def _read(line: bytes) -> Contract | str:
    """The contract, or why this version cannot read it: nobody passes who should not."""
    try:
        return translate.contract_of(r.Contract.model_validate_json(line))
    except ValidationError as error:
        path, message = next(explained(error))
        return f"A contract of the console's cannot be read: {dotted(path)}: {message}. It grants nothing."
