"""What several policies say of one part of Envoy's configuration, and of what the gateway says itself."""

from collections.abc import Iterable, Mapping
from typing import Any

from gateways.agent.translate import ir

Said = Mapping[str, Any]


def joined(given: Iterable[tuple[ir.PolicyUse, Said]], *, adds_lists: bool = False) -> dict[str, Any]:
    """One mapping of all: mappings within are joined.

    Raises ValueError where two policies say otherwise of one thing.
    """
    found: dict[str, Any] = {}
    for use, said in given:
        if not _joined(found, said, adds_lists):
            raise ValueError(f"policy {use.policy} ({use.binding}): another one says otherwise; keep one")
    return found


def over(base: Said, said: Said) -> dict[str, Any]:
    """The base with what is said in its place, as deep as both have mappings; a list takes a list's place."""
    both = {
        key: over(base[key], said[key]) for key in base.keys() & said.keys() if _are(base[key], said[key])
    }
    return {**base, **said, **both}


def _joined(found: dict[str, Any], said: Said, adds_lists: bool) -> bool:
    for key, value in said.items():
        known = found.get(key)
        if isinstance(value, Mapping) and isinstance(known, dict | None):
            if not _joined(found.setdefault(key, {}), value, adds_lists):
                return False
        elif adds_lists and isinstance(value, list) and isinstance(known, list | None):
            found[key] = [*(known or ()), *value]
        elif found.setdefault(key, value) != value:
            return False
    return True


def _are(one: Any, other: Any) -> bool:
    return isinstance(one, Mapping) and isinstance(other, Mapping)
