"""Takes the contracts that the console sends, pushed or pulled, all or what has changed: they count at once,
and are kept on disk after that.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
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


class Gap(Exception):
    """Changes begin after what is in force here, or lead elsewhere: all have to be fetched."""


@dataclass(frozen=True)
class _StoredContract:
    """A contract as it came; where this version cannot read it, why not: nobody passes who should not."""

    name: str
    text: bytes
    contract: Contract | None
    fault: str = ""


class Grants:
    """Thread-safe. A change of them waits for no snapshot."""

    def __init__(self, ledger: Ledger, state: Path, gateway_id: str) -> None:
        self._ledger = ledger
        self._path = state / FILE_NAME
        self._seal = Seal(state)
        self._gateway_id = gateway_id
        self._lock = threading.Lock()
        self._state = BookState(generation=0, digest="")
        self._lines: Mapping[str, _StoredContract] = {}
        """Those in force, by the names of their contracts."""
        self._is_stored = True

    @property
    def state(self) -> BookState:
        """Which contracts are in force."""
        return self._state

    def troubles(self) -> list[str]:
        """What is wrong with contracts that grant nothing, and with the disk."""
        found = [line.fault for line in self._lines.values() if line.fault]
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

    def change(self, body: bytes) -> bool:
        """The same of what has changed. Raises Gap, too."""
        with self._lock:
            head, texts = book.read_changes(body)
            self._check_gateway(head.gateway)
            now = self._state.generation
            if head.generation <= now:
                log.info("contracts=%d running=%d taken=false", head.generation, now)
                return False
            if head.since > now:
                raise Gap(f"they begin at {head.since}")
            lines = {**self._lines, **{line.name: line for line in map(_read, texts)}}
            for name in head.gone:
                lines.pop(name, None)
            self._put_into_force(lines)
            names = book.ordered(lines)
            if book.digest_of(names) != head.names:
                self._state = BookState(generation=now, digest="")
                raise Gap(f"they lead to other contracts than {head.generation} has")
            whole, body = book.written(self._gateway_id, head.generation, [lines[one].text for one in names])
            self._state = BookState(generation=whole.generation, digest=whole.digest)
            self._keep(body)
            told = head.generation, len(lines), len(texts), len(head.gone)
            log.info("contracts=%d count=%d changed=%d gone=%d taken=true", *told)
            return True

    def _take(self, body: bytes, *, is_stored: bool) -> bool:
        with self._lock:
            head, texts = book.read(body)
            self._check_gateway(head.gateway)
            offered = BookState(generation=head.generation, digest=head.digest)
            if offered.generation < self._state.generation:
                log.info("contracts=%d running=%d taken=false", head.generation, self._state.generation)
                return False
            if offered.digest != self._state.digest or not self._state.generation:
                known = {line.text: line for line in self._lines.values()}
                lines = (known.get(text) or _read(text) for text in texts)
                self._put_into_force({line.name: line for line in lines})
            self._state = offered
            if not is_stored:
                self._keep(body)
            log.info("contracts=%d count=%d taken=true", head.generation, len(texts))
            return True

    def _check_gateway(self, gateway_id: str) -> None:
        if gateway_id != self._gateway_id:
            raise ValueError("the contracts are another gateway's")

    def _put_into_force(self, lines: Mapping[str, _StoredContract]) -> None:
        self._ledger.write_sent(line.contract for line in lines.values() if line.contract)
        self._lines = lines

    def _keep(self, body: bytes) -> None:
        """What is in force stays so when that fails; the next ones are stored again."""
        try:
            state_folder.write_bytes(self._path, self._seal.close(body))
            self._is_stored = True
        except OSError as error:
            log.error("contracts=%d stored=false reason=%s", self._state.generation, error)
            self._is_stored = False


def _read(text: bytes) -> _StoredContract:
    name = book.name_of(text)
    try:
        return _StoredContract(name, text, translate.contract_of(r.Contract.model_validate_json(text)))
    except ValidationError as error:
        path, message = next(explained(error))
        fault = f"A contract of the console's cannot be read: {dotted(path)}: {message}. It grants nothing."
        return _StoredContract(name, text, None, fault)
