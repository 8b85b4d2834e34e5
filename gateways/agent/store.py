"""What a replica applied last, on disk: it starts from this when the console is away."""

import hashlib
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from gateways.agent.host import state_folder
from gateways.agent.host.seal import Damaged, Seal
from gateways.protocol.resources import AnyResource

Key = tuple[str, str]
PLAIN = b"{"
log = logging.getLogger(__name__)

_RESOURCES: TypeAdapter[tuple[AnyResource, ...]] = TypeAdapter(tuple[AnyResource, ...])


@dataclass(frozen=True)
class Stored:
    """`serving` names the APIs that run on an older generation than this one, because it was refused.

    `held` are those that wait for a document to be mended, with the reason.
    """

    generation: int
    digest: str
    resources: tuple[AnyResource, ...]
    serving: Mapping[Key, int]
    held: Mapping[Key, str] = field(default_factory=dict)


class SnapshotStore:
    """snapshot.json, the one before it beside it, and in kept/ the older ones that some API still runs on.

    Each is sealed, since it holds the secrets of policies. What does not match its seal is not used. A
    release before wrote a line of JSON and one with its SHA-256: those are read, and sealed at once.
    """

    def __init__(self, state: Path) -> None:
        self._current = state / "snapshot.json"
        self._previous = state / "snapshot.previous.json"
        self._kept = state / "kept"
        self._seal = Seal(state)
        self._newest: tuple[Path, int] | None = None
        self._texts: dict[int, tuple[AnyResource, bytes]] = {}

    def load(self) -> Stored | None:
        """The newest that is sound; None when there is none. A damaged one is logged and passed over."""
        self._seal_plain()
        for path in (self._current, self._previous):
            try:
                stored = self._read(path)
            except FileNotFoundError:
                continue
            except (Damaged, OSError) as error:
                log.error("snapshot=%s used=false reason=%r", path, str(error))
                continue
            if path != self._current:
                log.warning("snapshot=%s used=true generation=%d", path, stored.generation)
            self._newest = path, stored.generation
            return stored
        return None

    def load_kept(self, generation: int) -> Sequence[AnyResource]:
        """Nothing when it is damaged: the APIs that ran on it stay out until the console sends them anew."""
        path = self._kept / f"{generation}.json"
        try:
            return self._read(path).resources
        except FileNotFoundError:
            return ()
        except (Damaged, OSError) as error:
            log.error("snapshot=%s used=false reason=%r", path, str(error))
            return ()

    def save(self, stored: Stored) -> None:
        """A damaged current one does not become the previous. Raises OSError, and nothing is lost then."""
        needed = set(stored.serving.values())
        source, before = self._newest or (None, 0)
        if source and before != stored.generation:
            if before in needed:
                self._kept.mkdir(exist_ok=True, mode=0o700)
                state_folder.keep_as(source, self._kept / f"{before}.json")
            if source != self._previous:
                state_folder.keep_as(source, self._previous)
        state_folder.write_bytes(
            self._current, self._seal.close(_text(stored, self._written(stored.resources)))
        )
        self._newest = self._current, stored.generation
        for path in self._kept.glob("*.json"):
            if path.stem not in map(str, needed):
                path.unlink()

    def _written(self, resources: Sequence[AnyResource]) -> Iterator[bytes]:
        """Each as JSON; one that is the same object again is not written again."""
        before = self._texts
        self._texts = {id(one): before.get(id(one)) or (one, _json(one)) for one in resources}
        return (self._texts[id(one)][1] for one in resources)

    def _seal_plain(self) -> None:
        """Encrypts what a release before wrote in plain. A damaged file stays, to be reported when needed."""
        for path in (self._current, self._previous, *self._kept.glob("*.json")):
            try:
                content = path.read_bytes()
                if content.startswith(PLAIN):
                    state_folder.write_bytes(path, self._seal.close(_unsealed(content)))
                    log.info("snapshot=%s encrypted=true", path)
            except (FileNotFoundError, Damaged):
                continue
            except OSError as error:
                log.error("snapshot=%s encrypted=false reason=%r", path, str(error))

    def _read(self, path: Path) -> Stored:
        """Raises Damaged, OSError."""
        content = path.read_bytes()
        return _parsed(_unsealed(content) if content.startswith(PLAIN) else self._seal.open(content))


def _text(stored: Stored, resources: Iterable[bytes]) -> bytes:
    return b'%s,"resources":[%s]}' % (json.dumps(_head(stored)).encode()[:-1], b",".join(resources))


def _json(one: AnyResource) -> bytes:
    return one.model_dump_json(by_alias=True).encode()


def _head(stored: Stored) -> dict[str, Any]:
    return {
        "generation": stored.generation,
        "digest": stored.digest,
        "serving": [[*key, generation] for key, generation in sorted(stored.serving.items())],
        "held": [[*key, reason] for key, reason in sorted(stored.held.items())],
    }


def _unsealed(content: bytes) -> bytes:
    """The text of a release that did not encrypt. Raises Damaged."""
    text, _, seal = content.partition(b"\n")
    if not seal.endswith(b"\n"):
        raise Damaged("it is cut off: its end with the checksum is missing")
    if seal != b"sha256 " + hashlib.sha256(text).hexdigest().encode() + b"\n":
        raise Damaged("its checksum does not match its content: some of it was altered")
    return text


def _parsed(text: bytes) -> Stored:
    """Raises Damaged."""
    plain = json.loads(text)
    try:
        resources = _RESOURCES.validate_python(plain["resources"])
    except ValidationError as error:
        raise Damaged(f"this version cannot read it: {error.error_count()} fields are unknown") from error
    return Stored(
        generation=plain["generation"],
        digest=plain["digest"],
        resources=resources,
        serving={(namespace, name): generation for namespace, name, generation in plain["serving"]},
        held={(namespace, name): reason for namespace, name, reason in plain.get("held", ())},
    )
