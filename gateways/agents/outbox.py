"""What workers hand to the link processes: a gateway's newest snapshot or contracts in Valkey, and a call to
fetch them.

Each is signed with the console's key, which the agents check, so nobody who can write to Valkey
can configure a gateway; and it is encrypted, since snapshots hold the secrets of policies.
"""

import base64
import json
import os
from datetime import timedelta
from functools import cache
from uuid import UUID

import redis
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from gateways.agents import console_key
from gateways.agents.packed import Packed
from gateways.models import Gateway
from gateways.protocol.book import BOOK_PATH, CHANGES_PATH
from gateways.protocol.frames import SNAPSHOT_PATH, Frame

CHANNEL = "gatewright:streams"
"""Heard by every link process. Its messages say where to look and carry nothing to be believed."""
KEEP_SECONDS = 10
"""A link process fetches at once; an agent that comes later asks with its heartbeat."""
NONCE_BYTES = 12
SNAPSHOT, BOOK, CHANGES, BASE = "snapshot", "contracts", "changes", "contracts-base"
BASE_SECONDS = 24 * 3600


def send(gateway: Gateway, snapshot: Packed) -> None:
    """Have the snapshot sent down every stream of the gateway. Raises redis.RedisError.

    One that is larger than may lie in Valkey is announced only: the agents fetch it.
    """
    _send(gateway, SNAPSHOT, snapshot.body, SNAPSHOT_PATH)


def send_book(gateway: Gateway, body: bytes) -> None:
    """The same of the gateway's contracts."""
    _send(gateway, BOOK, body, BOOK_PATH, instead_of=CHANGES)


def send_changes(gateway: Gateway, body: bytes) -> None:
    """The same of what changed of them. An agent that takes none is told to fetch all."""
    _send(gateway, CHANGES, body, CHANGES_PATH, instead_of=BOOK, called=BOOK)


def keep_base(gateway: Gateway, text: bytes) -> None:
    """Keep what changes of the gateway's contracts begin with, for a day. Raises redis.RedisError."""
    _client().set(key(gateway.pk, BASE), _sealed(gateway.pk, text), ex=BASE_SECONDS)


def base(gateway: Gateway) -> bytes | None:
    """What was kept so; None where nothing is. Raises redis.RedisError."""
    found = _client().get(key(gateway.pk, BASE))
    return opened(gateway.pk, found) if isinstance(found, bytes) else None


def put_off(gateway_id: UUID | str, pause: timedelta) -> bool:
    """Puts the gateway's next push off; False when somebody has done so already. Raises redis.RedisError."""
    return bool(_client().set(f"gatewright:put-off:{gateway_id}", 1, nx=True, px=pause))


def tell_revoked(gateway_id: UUID) -> None:
    """Have the gateway's streams ended now. Raises redis.RedisError; they end soon without it."""
    _client().publish(CHANNEL, message("revoked", gateway_id))


def message(kind: str, gateway_id: UUID, **fields: str) -> bytes:
    return json.dumps({"kind": kind, "gateway": str(gateway_id), **fields}).encode()


def key(gateway_id: UUID, kind: str = SNAPSHOT) -> str:
    return f"gatewright:{kind}:{gateway_id}"


def opened(gateway_id: UUID, sealed: bytes) -> bytes | None:
    """The frame that was sealed for this gateway; None when it was not, or was altered."""
    nonce, text = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for cipher in _ciphers():
        try:
            return cipher.decrypt(nonce, text, gateway_id.bytes)
        except (InvalidTag, ValueError):
            continue
    return None


def _send(
    gateway: Gateway, kind: str, body: bytes, path: str, *, instead_of: str = "", called: str = ""
) -> None:
    """`instead_of` names what it replaces; `called` what link processes are told that there is."""
    with _client().pipeline(transaction=True) as pipeline:
        if len(body) <= settings.STREAM_MAX_BYTES:
            sealed = _sealed(gateway.pk, _framed(gateway, kind, body, path))
            pipeline.set(key(gateway.pk, kind), sealed, ex=KEEP_SECONDS)
        else:
            pipeline.delete(key(gateway.pk, kind))
        if instead_of:
            pipeline.delete(key(gateway.pk, instead_of))
        pipeline.publish(CHANNEL, message(called or kind, gateway.pk))
        pipeline.execute()


def _framed(gateway: Gateway, kind: str, body: bytes, path: str) -> bytes:
    headers = console_key.signer().headers(str(gateway.pk), "PUT", path, body)
    return Frame(kind=kind, size=len(body), signature=headers["Authorization"]).line + body


def _sealed(gateway_id: UUID, text: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + _ciphers()[0].encrypt(nonce, text, gateway_id.bytes)


@cache
def _ciphers() -> list[AESGCM]:
    """One for each of GATEWRIGHT_ENCRYPTION_KEYS, whose newest seals. A megabyte takes a millisecond."""
    return [
        AESGCM(
            HKDF(hashes.SHA256(), 32, salt=None, info=b"gatewright streams").derive(
                base64.urlsafe_b64decode(one)
            )
        )
        for one in settings.KEYS.encryption
    ]


@cache
def _client() -> "redis.Redis":
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=3)
