"""Answers as replicas tell each other of them: sealed, so that a storage can neither read nor make one."""

import os
import struct
from functools import cached_property
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from policies.catalog.http_caching.shared import RECORD_BYTES

MARK_BYTES, NONCE_BYTES = 16, 12
_FORM = b"gatewright answer 1"
_HEAD = struct.Struct(f"<{RECORD_BYTES}s16s5d8I")
_MOST_SENDERS = 64


class Unsealed(ValueError):
    """It was not sealed with our key, or is no answer."""


class Answer(NamedTuple):
    """`record` names its cache, and so the API and the policy, and its key; see `shared`.

    It is good as far as the storage of this name had told of `known` forgotten records. It was sealed at a
    time of the storage's clock, and of its sender's; it was `age` old then, and good for `left`: all in ms.
    """

    record: bytes
    storage: bytes
    known: float
    sealed_ms: float
    sender_ms: float
    left: float
    age: float
    status: int
    is_open: int
    is_strict: int
    is_told: int
    key: bytes
    vary: bytes
    head: bytes
    body: bytes

    @property
    def texts(self) -> tuple[bytes, ...]:
        return self.key, self.vary, self.head, self.body


class AnswerSeal:
    """With a key that the replicas of a gateway have in common and nobody else has.

    Each process has a key of its own, made of that and its mark, so that counted nonces never come twice.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.mark = os.urandom(MARK_BYTES)
        self._own = self._cipher(self.mark)
        self._nonce = 0
        self._others: dict[bytes, AESGCM] = {}

    @cached_property
    def name(self) -> str:
        """Of the key; it tells nothing about it."""
        return self._derived(b"name", b"").hex()[:16]

    def close(self, one: Answer) -> bytes:
        head = _HEAD.pack(*one[:7], *map(len, one.texts), *one[7:11])
        self._nonce += 1
        nonce = self._nonce.to_bytes(NONCE_BYTES, "big")
        return self.mark + nonce + self._own.encrypt(nonce, b"".join((head, *one.texts)), _FORM + self.mark)

    def open(self, sealed: bytes) -> Answer:
        """Raises Unsealed."""
        mark, nonce = sealed[:MARK_BYTES], sealed[MARK_BYTES : MARK_BYTES + NONCE_BYTES]
        try:
            text = self._of(mark).decrypt(nonce, sealed[MARK_BYTES + NONCE_BYTES :], _FORM + mark)
            values = _HEAD.unpack_from(text)
        except (InvalidTag, ValueError, struct.error) as error:
            raise Unsealed(str(error) or "its seal does not match") from None
        parts, at = [], _HEAD.size
        for size in values[7:11]:
            parts.append(text[at : at + size])
            at += size
        if at != len(text):
            raise Unsealed("its sizes do not match")
        return Answer(*values[:7], *values[11:], *parts)

    def _of(self, mark: bytes) -> AESGCM:
        if mark not in self._others:
            if len(self._others) >= _MOST_SENDERS:
                self._others.clear()
            self._others[mark] = self._cipher(mark)
        return self._others[mark]

    def _cipher(self, mark: bytes) -> AESGCM:
        return AESGCM(self._derived(b"answers", mark))

    def _derived(self, use: bytes, salt: bytes) -> bytes:
        return HKDF(SHA256(), 32, salt or None, _FORM + b" " + use).derive(self._key)
