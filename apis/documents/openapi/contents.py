"""Digests of what a document says of its operations, so that two documents can be compared without either."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from apis.documents.openapi.limits import MOST_HOPS, MOST_TEXT
from apis.documents.openapi.references import References

TOLD = frozenset(("summary", "description", "operationId", "tags", "deprecated"))
"""What is compared by itself, or is words for people."""
OF_ITEM = ("parameters", "servers")
"""What a path's item says of all of its operations."""


class Contents:
    """Each thing that is referred to has a digest: of its text at first, then, in as many rounds as
    references are followed, of its text and of the digests of what it refers to. So what changes behind
    references changes the digest, rings end, and the work is that of the document's references.

    All operations are met first, then asked for.
    """

    def __init__(self, references: References) -> None:
        self._references = references
        self._texts: dict[str, str] = {}
        self._leads: dict[str, list[str]] = {}
        self._written = 0

    def meet(self, item: dict[str, Any], operation: dict[str, Any]) -> None:
        """Look up what is referred to, and what that refers to, once."""
        waiting = [*_references(_said(item, operation))]
        while waiting:
            reference = waiting.pop()
            if reference in self._texts:
                continue
            target = self._references.target(reference)
            self._texts[reference] = self._digest_of(target)
            self._leads[reference] = list(dict.fromkeys(_references(target)))
            waiting.extend(self._leads[reference])

    def settle(self) -> None:
        found = self._texts
        for _ in range(MOST_HOPS):
            following = {one: [found[lead] for lead in leads] for one, leads in self._leads.items()}
            found = {one: _digest(text, following[one]) for one, text in self._texts.items()}
        self._texts = found

    def of(self, item: dict[str, Any], operation: dict[str, Any]) -> str:
        said = _said(item, operation)
        return _digest(_text(said), [self._texts.get(one, "") for one in _references(said)])

    def _digest_of(self, target: Any) -> str:
        """Of a document that would be written over and over, since references lead into each other, the rest
        goes unread.
        """
        if self._written > MOST_TEXT:
            return ""
        text = _text(target)
        self._written += len(text)
        return _digest(text, [])


def _said(item: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    said = {key: value for key, value in operation.items() if key not in TOLD}
    return said | {f"path {key}": item[key] for key in OF_ITEM if key in item}


def _references(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            for key in ("$ref", "$dynamicRef"):
                if isinstance(one.get(key), str):
                    yield one[key]
            waiting.extend(part for part in one.values() if isinstance(part, dict | list))
        elif isinstance(one, list):
            waiting.extend(part for part in one if isinstance(part, dict | list))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _digest(text: str, others: list[str]) -> str:
    return hashlib.blake2b("\n".join([text, *others]).encode(), digest_size=16).hexdigest()
