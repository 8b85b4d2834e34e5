"""Where the console's keys come from: the environment, or a file it makes once in its state folder."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True)
class Keys:
    """`encryption` lists Fernet keys, newest first: the first encrypts, every one decrypts."""

    secret_key: str
    encryption: tuple[str, ...]

    @property
    def fernet(self) -> MultiFernet:
        return MultiFernet([Fernet(key) for key in self.encryption])


def load(home: Path) -> Keys:
    """Keys from GATEWRIGHT_SECRET_KEY and GATEWRIGHT_ENCRYPTION_KEYS, else from `home/keys.json`.

    The file is made on first use, readable by its owner alone.
    """
    stored = {} if _environment_is_complete() else _stored(home / "keys.json")
    encryption = os.environ.get("GATEWRIGHT_ENCRYPTION_KEYS", "").replace(",", " ").split()
    for at, key in enumerate(encryption, start=1):
        _check(at, key)
    return Keys(
        secret_key=os.environ.get("GATEWRIGHT_SECRET_KEY") or stored["secret_key"],
        encryption=tuple(encryption or stored["encryption"]),
    )


def _check(at: int, key: str) -> None:
    try:
        Fernet(key)
    except ValueError:
        raise ImproperlyConfigured(
            f"GATEWRIGHT_ENCRYPTION_KEYS: key {at} is no Fernet key, which is 32 random bytes in URL-safe "
            "base64: `head -c 32 /dev/urandom | base64 | tr +/ -_` prints one."
        ) from None


def _environment_is_complete() -> bool:
    return all(os.environ.get(name) for name in ("GATEWRIGHT_SECRET_KEY", "GATEWRIGHT_ENCRYPTION_KEYS"))


def _stored(file: Path) -> dict:
    """The file's content. Two processes that start together agree: the first to link its file wins."""
    if not file.exists():
        made = file.with_name(f".{file.name}.{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            made.touch(mode=0o600)
        except OSError as error:
            raise ImproperlyConfigured(
                f"GATEWRIGHT_HOME: {file.parent} cannot be written ({error.strerror}): "
                "set it to a folder that you may write."
            ) from error
        made.write_text(
            json.dumps(
                {"secret_key": secrets.token_urlsafe(48), "encryption": [Fernet.generate_key().decode()]}
            )
        )
        try:
            os.link(made, file)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return json.loads(file.read_text())
