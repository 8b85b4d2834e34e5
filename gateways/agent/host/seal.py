"""Encrypts what a state folder keeps of policies' secrets, with a key of that folder alone.

A copy of such a file says nothing without `state.key`. The folder as a whole does: it is its owner's
alone (0700), and Envoy's own files in it are plain, since Envoy can read nothing else.
"""

import hashlib
import os
import re
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateways.agent.host import state_folder

KEY_BYTES = 32
NONCE_BYTES = 12
_HEAD = re.compile(rb"gatewright sealed ([0-9a-f]{8}) ([0-9]{1,12})")


class Damaged(ValueError):
    """A stored file is not what was written; the text says in what it differs."""


class Seal:
    """Its key is made when it is first needed, in `state.key`, readable by its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "state.key"

    def close(self, text: bytes) -> bytes:
        """Raises OSError."""
        key = self._key() or self._made()
        nonce = os.urandom(NONCE_BYTES)
        body = nonce + AESGCM(key).encrypt(nonce, text, None)
        return b"gatewright sealed %s %d\n%s" % (_name(key), len(body), body)

    def open(self, content: bytes) -> bytes:
        """Raises Damaged, OSError."""
        head, newline, body = content.partition(b"\n")
        if not newline:
            raise Damaged("it is cut off: most of it is missing")
        match = _HEAD.fullmatch(head)
        if match is None or len(body) > int(match[2]):
            raise Damaged("its first line is not what was written: some of it was altered")
        if len(body) < int(match[2]):
            raise Damaged("it is cut off: its end is missing")
        key = self._key()
        if key is None or _name(key) != match[1]:
            held = "is lost" if key is None else "holds another one"
            raise Damaged(f"the key that it was encrypted with is gone: {self._path} {held}")
        try:
            return AESGCM(key).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], None)
        except (InvalidTag, ValueError):
            raise Damaged("its seal does not match its content: some of it was altered") from None

    def _key(self) -> bytes | None:
        """None when there is none, or what there is cannot be one."""
        try:
            key = bytes.fromhex(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return key if len(key) == KEY_BYTES else None

    def _made(self) -> bytes:
        key = os.urandom(KEY_BYTES)
        state_folder.write_bytes(self._path, key.hex().encode() + b"\n")
        return key


def _name(key: bytes) -> bytes:
    """A name for the key, which tells keys apart and nothing about them."""
    return hashlib.sha256(b"name of" + key).hexdigest()[:8].encode()
