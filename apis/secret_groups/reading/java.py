"""Java's own stores, JKS and JCEKS. No kept library reads them: the last one ended in 2020, and brought three
more with it. What they are is told by OpenJDK's JavaKeyStore, KeyProtector and PBES1Core.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from apis.secret_groups.reading import limits
from apis.secret_groups.reading.fault import StoreFault
from apis.secret_groups.reading.pem import JAVA

FIELD = "store"
_SALT = b"Mighty Aphrodite"
_OF_JKS = bytes.fromhex("060a2b060104012a02110101")
_OF_JCEKS = bytes.fromhex("06092b060104012a021301")
"""The objects 1.3.6.1.4.1.42.2.17.1.1 and 1.3.6.1.4.1.42.2.19.1, as DER."""
_KEY, _TRUSTED, _SECRET = 1, 2, 3
_MOST_ITERATIONS = 5_000_000
DAMAGED = "it is damaged: it ends too early."


@dataclass
class JavaStore:
    """Certificates are DER; of each key, as it is protected, its chain."""

    keys: dict[str, tuple[bytes, list[bytes]]] = field(default_factory=dict)
    trusted: list[bytes] = field(default_factory=list)


class _StoreReader:
    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def take(self, count: int) -> bytes:
        found = self._content[self._at : self._at + count]
        if len(found) < count:
            raise StoreFault(FIELD, DAMAGED)
        self._at += count
        return found

    def number(self, count: int = 4) -> int:
        return int.from_bytes(self.take(count), "big")

    def block(self, count: int = 4) -> bytes:
        return self.take(self.number(count))


def read(content: bytes, passphrase: str) -> JavaStore:
    """What the store holds. Raises StoreFault."""
    if not content.startswith(JAVA):
        raise StoreFault(FIELD, "it is no Java keystore. Newer ones are PKCS12: choose that type.")
    if len(content) < 32:
        raise StoreFault(FIELD, DAMAGED)
    body, told = content[:-20], content[-20:]
    digest = hashlib.sha1(passphrase.encode("utf-16-be") + _SALT + body).digest()  # noqa: S324 - as it is
    if not hmac.compare_digest(digest, told):
        raise StoreFault("passphrase", "the passphrase does not open the store, or the file is damaged.")
    reader = _StoreReader(body)
    reader.take(4)
    version, store = reader.number(), JavaStore()
    for _ in range(reader.number()):
        _entry(reader, version, store)
    return store


def _entry(reader: _StoreReader, version: int, store: JavaStore) -> None:
    tag, alias = reader.number(), reader.block(2).decode(errors="replace")
    reader.take(8)
    if tag == _SECRET:
        raise StoreFault(
            FIELD, f'entry "{alias}" is a secret key; take it out of the store, or keep it apart.'
        )
    if tag == _KEY:
        protected = reader.block()
        chain = [_certificate(reader, version) for _ in range(_few(reader.number()))]
        store.keys[alias] = (protected, chain)
    elif tag == _TRUSTED:
        store.trusted.append(_certificate(reader, version))
        _few(len(store.trusted))
    else:
        raise StoreFault(FIELD, "it is damaged: an entry is of no known kind.")


def _few(count: int) -> int:
    if count > limits.MOST_CERTIFICATES:
        raise StoreFault(FIELD, f"it holds more than {limits.MOST_CERTIFICATES} certificates.")
    return count


def _certificate(reader: _StoreReader, version: int) -> bytes:
    kind = reader.block(2) if version == 2 else b"X.509"
    if kind != b"X.509":
        raise StoreFault(FIELD, "a certificate in it is not X.509.")
    return reader.block()


def private_key(protected: bytes, passphrase: str) -> bytes:
    """The key as DER of PKCS #8. Raises StoreFault."""
    (_, outer), *_ = _parts(protected)
    (_, algorithm), (_, sealed) = list(_parts(outer))[:2]
    opened = None
    if algorithm.startswith(_OF_JKS):
        opened = _of_jks(sealed, passphrase)
    elif algorithm.startswith(_OF_JCEKS):
        opened = _of_jceks(algorithm[len(_OF_JCEKS) :], sealed, passphrase)
    if opened is None:
        raise StoreFault("key_passphrase", "the passphrase does not open the key.")
    return opened


def _of_jks(sealed: bytes, passphrase: str) -> bytes | None:
    salt, data, told = sealed[:20], sealed[20:-20], sealed[-20:]
    secret, stream, last = passphrase.encode("utf-16-be"), b"", salt
    while len(stream) < len(data):
        last = hashlib.sha1(secret + last).digest()  # noqa: S324 - as it is
        stream += last
    opened = bytes(one ^ other for one, other in zip(data, stream, strict=False))
    digest = hashlib.sha1(secret + opened).digest()  # noqa: S324 - as it is
    return opened if hmac.compare_digest(digest, told) else None


def _of_jceks(parameters: bytes, sealed: bytes, passphrase: str) -> bytes | None:
    (_, inner), *_ = _parts(parameters)
    (_, salt), (_, counted) = list(_parts(inner))[:2]
    times = int.from_bytes(counted, "big")
    if times > _MOST_ITERATIONS or len(salt) != 8 or len(sealed) % 8:
        raise StoreFault(FIELD, f"its key is stretched {times:,} times; export it anew as PKCS12.")
    derived = b""
    for half in _halves(salt):
        for _ in range(times):
            half = hashlib.md5(half + passphrase.encode("ascii", "replace")).digest()  # noqa: S324, PLW2901
        derived += half
    decryptor = Cipher(TripleDES(derived[:24]), modes.CBC(derived[24:])).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    unpadder = padding.PKCS7(64).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        return None


def _halves(salt: bytes) -> tuple[bytes, bytes]:
    """Where both are equal OpenJDK means to turn the first round, and does not quite."""
    first, second = salt[:4], salt[4:]
    return (bytes((first[3], first[0], first[1], first[3])) if first == second else first), second


def _parts(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The values of DER that stand one after the other, each with its tag. Raises StoreFault."""
    reader, left = _StoreReader(content), len(content)
    while left > 0:
        tag, length, head = reader.number(1), reader.number(1), 2
        if length & 0x80:
            head += length & 0x7F
            length = reader.number(length & 0x7F)
        yield tag, reader.take(length)
        left -= head + length
