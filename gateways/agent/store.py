"""What a replica applied last, on disk: it starts from this when the console is away."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gateways.agent import state as files
from gateways.agent.resources import AnyResource

Key = tuple[str, str]
_RESOURCES: TypeAdapter[tuple[AnyResource, ...]] = TypeAdapter(tuple[AnyResource, ...])


@dataclass(frozen=True)
class Stored:
    """`serving` names the APIs that run on an older generation than this one, because it was refused."""

    generation: int
    digest: str
    resources: tuple[AnyResource, ...]
    serving: Mapping[Key, int]


class Store:
    """snapshot.json, the one before it beside it, and in kept/ the older ones that some API still runs on."""

    def __init__(self, state: Path) -> None:
        self._current = state / "snapshot.json"
        self._previous = state / "snapshot.previous.json"
        self._kept = state / "kept"

    def load(self) -> Stored | None:
        return _read(self._current) if self._current.exists() else None

    def load_kept(self, generation: int) -> Sequence[AnyResource]:
        path = self._kept / f"{generation}.json"
        return _read(path).resources if path.exists() else ()

    def save(self, stored: Stored) -> None:
        needed = set(stored.serving.values())
        before = self.load()
        if before is not None and before.generation != stored.generation:
            if before.generation in needed:
                self._kept.mkdir(exist_ok=True, mode=0o700)
                files.write_bytes(self._kept / f"{before.generation}.json", self._current.read_bytes())
            files.write_bytes(self._previous, self._current.read_bytes())
        files.write_json(self._current, _plain(stored))
        for path in self._kept.glob("*.json"):
            if int(path.stem) not in needed:
                path.unlink()


def _plain(stored: Stored) -> dict[str, Any]:
    return {
        "generation": stored.generation,
        "digest": stored.digest,
        "serving": [[*key, generation] for key, generation in sorted(stored.serving.items())],
        "resources": _RESOURCES.dump_python(stored.resources, mode="json", by_alias=True),
    }


def _read(path: Path) -> Stored:
    plain = json.loads(path.read_bytes())
    return Stored(
        generation=plain["generation"],
        digest=plain["digest"],
        resources=_RESOURCES.validate_python(plain["resources"]),
        serving={(namespace, name): generation for namespace, name, generation in plain["serving"]},
    )
