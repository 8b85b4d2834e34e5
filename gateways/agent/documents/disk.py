"""Documents on disk: a gateway that starts while an issuer is away goes on with what it had."""

import hashlib
import json
import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateways.agent.host import state_folder
from policies.documents.document import BadDocument, Document

FORGOTTEN_SECONDS = 24 * 3600
"""How long one that no policy names any more stays: a policy may be taken off and put back."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptDocument:
    """`fetched_at` in seconds since the epoch."""

    text: str
    fetched_at: float


class Disk:
    """One file for each document, readable by the folder's owner alone."""

    def __init__(self, state: Path) -> None:
        self._folder = state / "documents"

    def load(self, document: Document) -> KeptDocument | None:
        """None where there is none that this version would take."""
        try:
            found = json.loads(self.path(document).read_bytes())
            text = document.kind.read(found["text"].encode())
            return KeptDocument(text, float(found["fetchedAt"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, BadDocument) as error:
            log.error("document=%s kept=false reason=%r", document.shown, str(error))
            return None

    def save(self, document: Document, kept: KeptDocument) -> None:
        """What cannot be written is logged: it is in force all the same, until the next start."""
        value = {"kind": document.kind.name, "url": document.url, "fetchedAt": kept.fetched_at}
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            state_folder.write_json(self.path(document), {**value, "text": kept.text})
        except OSError as error:
            log.error("document=%s stored=false reason=%r", document.shown, str(error))

    def prune(self, wanted: set[Path]) -> None:
        """Removes those that have not been named for a day."""
        oldest = time.time() - FORGOTTEN_SECONDS
        with suppress(OSError):
            for path in self._folder.glob("*.json"):
                if path not in wanted and path.stat().st_mtime < oldest:
                    path.unlink(missing_ok=True)

    def path(self, document: Document) -> Path:
        name = hashlib.blake2b("\n".join(document.key).encode(), digest_size=16).hexdigest()
        return self._folder / f"{name}.json"
