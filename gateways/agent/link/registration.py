"""A gateway's registration: the file that names it and holds its key."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from gateways.protocol.addresses import BadAddress, console_address
from gateways.protocol.faults import dotted, explained
from gateways.protocol.resources import API_VERSION, Configuration
from gateways.protocol.yaml_documents import BadYaml
from gateways.protocol.yaml_documents import documents as documents_in

FILE_NAME = "registration.yaml"
KEYS_FILE_NAME = "certificate.yaml"


class BadRegistration(Exception):
    """The file is missing or is not a registration; the text says which and what to do."""


@dataclass(frozen=True)
class Registration:
    """What `registration create` wrote. Every replica of the gateway runs with the same."""

    gateway_id: str
    name: str
    organization_id: str
    environment_id: str
    console_url: str
    console_public_key: str
    private_key: str
    is_connected: bool = True

    @property
    def sealing_key(self) -> bytes:
        """What replicas have in common and nobody else has, their console neither."""
        return hashlib.sha256(
            b"gatewright: what replicas seal\n" + self.private_key.strip().encode()
        ).digest()


def read(path: Path) -> Registration:
    """The registration in this file, or in this folder's registration.yaml. Raises BadRegistration."""
    file = path / FILE_NAME if path.is_dir() else path
    connection = _connection(file)
    if "privateKey" not in connection and file.with_name(KEYS_FILE_NAME).exists():
        connection |= _connection(file.with_name(KEYS_FILE_NAME))
    try:
        return Registration(
            gateway_id=connection["agentId"][0],
            name=connection["assetName"],
            organization_id=connection["environment"]["org_id"],
            environment_id=connection["environment"]["env_id"],
            console_url=console_address(connection["anypoint"]["url"]),
            console_public_key=connection["consolePublicKey"],
            private_key=connection["privateKey"],
            is_connected=connection["mode"] == "online",
        )
    except BadAddress as error:
        raise BadRegistration(f"{file}: spec.platformConnection.anypoint.url: {error}") from None
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise BadRegistration(
            f"{file}: spec.platformConnection has no usable {error}; it was not made by "
            "`gatewright registration create`, or was altered"
        ) from error


def find(places: Iterable[Path]) -> Path | None:
    """The first of these files, or of these folders' registration.yaml, that exists."""
    files = (place / FILE_NAME if place.is_dir() else place for place in places)
    return next((file for file in files if file.is_file()), None)


def documents(registration: Registration, is_split: bool = False) -> dict[str, str]:
    """What to write: file name to text. Split in two, the second file holds the keys."""
    public = {
        "agentId": [registration.gateway_id],
        "anypoint": {"url": registration.console_url},
        "assetName": registration.name,
        "mode": "online" if registration.is_connected else "offline",
        "environment": {
            "cluster_id": registration.gateway_id,
            "env_id": registration.environment_id,
            "org_id": registration.organization_id,
        },
    }
    keys = {"consolePublicKey": registration.console_public_key, "privateKey": registration.private_key}
    if not is_split:
        return {FILE_NAME: _document(registration.name, public | keys)}
    return {
        FILE_NAME: _document(registration.name, public),
        KEYS_FILE_NAME: _document(f"{registration.name}-keys", keys),
    }


class NewFiles:
    """Files that must not exist yet, reserved at once, readable by their owner alone.

    Reserving comes before the one-time token is spent: what cannot be written must not be registered.
    Unless `write` was called, leaving removes them. Raises BadRegistration.
    """

    def __init__(self, folder: Path, names: list[str]) -> None:
        self._paths = [folder / name for name in names]
        self._made: list[Path] = []
        self._is_written = False

    def __enter__(self) -> "NewFiles":
        try:
            for path in self._paths:
                if path.parent.exists() and not path.parent.is_dir():
                    raise BadRegistration(f"{path.parent} is not a folder. Name another --output-directory")
                path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                self._made.append(path)
        except FileExistsError as error:
            self._remove()
            is_empty = not Path(error.filename).stat().st_size
            what = "is empty: a registration was broken off" if is_empty else "registers a gateway already"
            raise BadRegistration(
                f"{error.filename} exists and {what}. Name another --output-directory, or move that file away"
            ) from error
        except OSError as error:
            self._remove()
            raise BadRegistration(
                f"{error.filename} cannot be written: {error.strerror}. Name another --output-directory"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_written:
            self._remove()

    def write(self, texts: dict[str, str]) -> None:
        for path in self._paths:
            path.write_text(texts[path.name])
        self._is_written = True

    def _remove(self) -> None:
        for path in self._made:
            path.unlink(missing_ok=True)


def _connection(file: Path) -> dict[str, Any]:
    try:
        found = [value for _, value in documents_in(file.read_bytes())]
        connection = Configuration.model_validate(found[0] if found else None).spec.platform_connection
    except FileNotFoundError as error:
        raise BadRegistration(
            f"{file} does not exist; make it with `gatewright registration create`"
        ) from error
    except OSError as error:
        raise BadRegistration(f"{file} cannot be read: {error.strerror}") from error
    except BadYaml as error:
        raise BadRegistration(f"{file} is not a registration: line {error.line}: {error}") from error
    except ValidationError as error:
        path, message = next(explained(error))
        place = f"{dotted(path)}:" if path else "it"
        raise BadRegistration(f"{file} is not a registration: {place} {message}") from error
    if len(found) > 1:
        raise BadRegistration(f"{file} is not a registration: it holds {len(found)} documents, not one")
    if connection is None:
        raise BadRegistration(f"{file} is not a registration: it has no spec.platformConnection")
    return dict(connection)


def _document(name: str, connection: dict[str, Any]) -> str:
    document = {
        "apiVersion": API_VERSION,
        "kind": "Configuration",
        "metadata": {"name": name},
        "spec": {"platformConnection": connection},
    }
    return yaml.safe_dump(document, sort_keys=False)
