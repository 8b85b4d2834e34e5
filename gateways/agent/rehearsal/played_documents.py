"""The documents that policies need, from the answers that are played: nothing is fetched."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from gateways.agent.rehearsal.player import fits
from gateways.protocol.rehearsal import Played
from policies.documents.document import BadDocument, Document

PORTS = {"http": 80, "https": 443}


class PlayedDocuments:
    """The texts of what the first answer that fits a document's address holds, as a gateway would take it."""

    def __init__(self, answers: Sequence[Played]) -> None:
        self._answers = answers

    def get(self, document: Document) -> str | None:
        at = urlsplit(document.url)
        host = at.hostname or ""
        address = f"{f'[{host}]' if ':' in host else host}:{at.port or PORTS[at.scheme]}"
        path = at.path or "/"
        found = next((one for one in self._answers if fits(one, address, "GET", path)), None)
        if found is None or found.status != 200 or found.closes:
            return None
        try:
            return document.kind.read(found.content)
        except BadDocument:
            return None
