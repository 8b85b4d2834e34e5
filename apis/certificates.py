"""Certificates as people know them: for whom, by whom, until when; and one made on the spot to try with."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils import timezone

from gateways.protocol import tls

SOON = timedelta(days=30)
SELF_SIGNED_DAYS = 90

MOST_CHARACTERS = 100_000
"""Of certificates as PEM."""

_KEY = re.compile(r"-----BEGIN ([A-Z ]{0,40}PRIVATE KEY)-----")
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*{_LABEL}")


@dataclass(frozen=True)
class CertificateFacts:
    """Of the first certificate of a chain; `names` are the hosts and addresses that it is good for."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    starts_at: datetime
    expires_at: datetime
    fingerprint: str
    is_self_signed: bool

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()

    @property
    def is_early(self) -> bool:
        return self.starts_at > timezone.now()

    @property
    def expires_soon(self) -> bool:
        return not self.is_expired and not self.lasts

    @property
    def lasts(self) -> bool:
        """Whether nobody need renew it yet."""
        return self.expires_at > timezone.now() + soon(self.starts_at, self.expires_at)


def soon(starts_at: datetime, expires_at: datetime) -> timedelta:
    """How long before its end it is to be renewed: SOON, or the last third of a shorter life. Until then one
    that a private CA has issued for a month is as it should be, and renewed by itself.
    """
    return min(SOON, (expires_at - starts_at) / 3)


@lru_cache(maxsize=1024)
def read(pem: str) -> CertificateFacts:
    """`fingerprint` is the SHA-256 of the certificate, in hex. Raises ValueError for what is none."""
    certificate = x509.load_pem_x509_certificates(pem.encode())[0]
    hosts = tuple(_names(certificate))
    return CertificateFacts(
        subject=_named(certificate.subject) or next(iter(hosts), ""),
        issuer=_named(certificate.issuer),
        names=hosts,
        starts_at=certificate.not_valid_before_utc,
        expires_at=certificate.not_valid_after_utc,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        is_self_signed=certificate.issuer == certificate.subject,
    )


def chain(text: str) -> str:
    """Its certificates alone, as PEM: what stands beside them, which may be a key, is left behind.

    Text without a sound certificate, or with too much, stays as it is, for whoever checks it.
    """
    if len(text) > MOST_CHARACTERS:
        return text
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        return text.strip()
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)


def private_key(text: str) -> str:
    """Its private key alone, as PEM of PKCS #8; text with none that can be read stays as it is."""
    try:
        key = tls.private_key(_block(text) or "")
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return text.strip()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def holds_key(text: str) -> bool:
    return _block(text) is not None


def _block(text: str) -> str | None:
    """The first private key's PEM. Each character is looked at a few times at most."""
    begin = _KEY.search(text)
    end = text.find(f"-----END {begin[1]}-----", begin.end()) if begin else -1
    return text[begin.start() : end + len(f"-----END {begin[1]}-----")] if begin and end >= 0 else None


def self_signed(names: Iterable[str], days: int = SELF_SIGNED_DAYS) -> tuple[str, str]:
    """(certificate, key) as PEM, for these hosts and addresses; nobody trusts it who is not told to.

    Raises ValueError with the name that is none.
    """
    listed = [general_name(name) for name in names]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, str(listed[0].value)[:64])])
    # A client that trusts several certificates of one name tells them apart by the key's identifier.
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(listed), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(own, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


def general_name(name: str) -> x509.DNSName | x509.IPAddress:
    """Raises ValueError with the name that is neither a host nor an address."""
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        encoded = name.encode("idna" if not name.startswith("*.") else "ascii").decode()
    except UnicodeError:
        raise ValueError(name) from None
    if not _HOST.fullmatch(encoded):
        raise ValueError(name)
    return x509.DNSName(encoded)


def _named(name: x509.Name) -> str:
    """The common name, else the whole name."""
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string()


def _names(certificate: x509.Certificate) -> Iterator[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return
    yield from found.get_values_for_type(x509.DNSName)
    yield from map(str, found.get_values_for_type(x509.IPAddress))
