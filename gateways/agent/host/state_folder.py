"""The state folder of a gateway process: who may use it, which replica it is, how files reach it."""

import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from gateways.agent.host.pid_file import InUse, hold

LOW_BYTES = 16 * 1024 * 1024

log = logging.getLogger(__name__)


class StateInUse(RuntimeError):
    """Another agent works with this folder; the text says which and what to do."""


class StateUnusable(RuntimeError):
    """The folder cannot be made or written, or a file in it is damaged; the text says what to do."""


def prepare(state: Path) -> None:
    """Makes the folder, readable by its owner alone. Raises StateUnusable."""
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        (state / "envoy").mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise StateUnusable(
            f"state folder {state}: {error.strerror}; choose another one with --state"
        ) from None
    if not os.access(state, os.W_OK):
        raise StateUnusable(f"state folder {state}: it is not writable; choose another one with --state")


@contextmanager
def locked(state: Path) -> Iterator[None]:
    """Prepares the folder and holds it for this process alone. Raises StateInUse and StateUnusable."""
    prepare(state)
    with ExitStack() as stack:
        try:
            stack.enter_context(hold(state / "agent.lock"))
        except InUse as holder:
            raise StateInUse(
                f"state folder {state} is in use by the gateway with process id {holder};"
                " stop it, or choose another folder with --state"
            ) from None
        yield


def replica_id(state: Path) -> str:
    """The id of the replica that lives in this folder, made on first use. Raises StateUnusable.

    When the file is damaged, Envoy's configuration tells it: an Envoy that runs is adopted under its own id
    alone, and the console knows by it what of the access log is counted.
    """
    path = state / "replica.json"
    if found := stored_id(path):
        return found
    id_ = str(uuid.uuid4())
    if path.exists():
        started = [state / "envoy" / "bootstrap.json", *(state / "envoy").glob("*/bootstrap.json")]
        if found := next(filter(None, (stored_id(file, "node") for file in started)), ""):
            id_, told = found, "it is what Envoy was started as"
        else:
            told = "it is new; the console shows another replica, and may count the access log's rest twice"
        log.warning("file=%s damaged=true replica=%s reason=%r", path, id_, told)
    write_json(path, {"id": id_})
    return id_


def stored_id(path: Path, *places: str) -> str:
    """The UUID called "id" in this JSON file, below these fields; empty when there is none, or no file.

    Raises StateUnusable.
    """
    try:
        value = json.loads(path.read_bytes())
        for place in (*places, "id"):
            value = value[place]
        uuid.UUID(value)
    except (ValueError, KeyError, TypeError, AttributeError, FileNotFoundError):
        return ""
    except OSError as error:
        raise StateUnusable(f"{path} cannot be read: {error.strerror}") from None
    return str(value)


def write_json(path: Path, value: Any) -> None:
    write_bytes(path, json.dumps(value, separators=(",", ":")).encode())


def keep_bytes(path: Path, content: bytes) -> None:
    """As `write_bytes`, but a file that holds this already is left alone: that works on a full disk, too."""
    if not path.exists() or path.read_bytes() != content:
        write_bytes(path, content)


def keep_as(source: Path, target: Path) -> None:
    """Puts what this file holds there too, in one step. No file of ours is ever changed in place."""
    beside = target.with_name(f".{target.name}.new")
    beside.unlink(missing_ok=True)
    try:
        beside.hardlink_to(source)
    except OSError:  # A file system that has no links.
        write_bytes(target, source.read_bytes())
        return
    beside.replace(target)
    # Where both were one file already, replacing did nothing.
    beside.unlink(missing_ok=True)


def low_space(state: Path) -> str:
    """What to say when the folder's disk is full or nearly so; empty while there is room."""
    free = shutil.disk_usage(state).free
    if free >= LOW_BYTES:
        return ""
    left = f"{free // 1024} kB left" if free >= 1024 else "no room left"
    return f"The disk of the state folder {state} has {left}: make room, or traffic goes uncounted."


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces the file in one step, readable by its owner alone; on disk before it returns."""
    _replace(path, content, is_synced=True)


def replace_bytes(path: Path, content: bytes) -> None:
    """The same, but on disk after `sync` alone: a machine that fails before leaves it shorter."""
    _replace(path, content, is_synced=False)


def sync(path: Path) -> None:
    """On disk when it returns; a file that is gone needs not be."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        os.fsync(file.fileno())


def _replace(path: Path, content: bytes, *, is_synced: bool) -> None:
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        if is_synced:
            file.flush()
            os.fsync(file.fileno())
    beside.replace(path)
