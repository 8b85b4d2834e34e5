"""Makes the certificates of a private CA, and what it signs."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from apis.certificates import general_name

CA_DAYS = 5 * 365
EARLY = timedelta(minutes=5)
"""Clocks of upstreams may go after ours."""


class IssuedPair(NamedTuple):
    """PEM, and what is kept of it."""

    certificate: str
    key: str
    serial: str
    expires_at: datetime


def authority(name: str, days: int = CA_DAYS) -> IssuedPair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    built = (
        _built(subject, subject, key.public_key(), days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(own, critical=False)
    )
    return _pair(built.sign(key, hashes.SHA256()), key)


def issue(ca_certificate: str, ca_key: str, name: str, names: Sequence[str], days: int) -> IssuedPair:
    """For a gateway that calls and for an upstream that answers alike. Raises ValueError with the name that
    is none.
    """
    signer = x509.load_pem_x509_certificate(ca_certificate.encode())
    private = load_pem_private_key(ca_key.encode(), None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    until = min(timedelta(days=days), signer.not_valid_after_utc - datetime.now(UTC))
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    above = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    built = (
        _built(_name(name), signer.subject, key.public_key(), until / timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
            critical=False,
        )
        .add_extension(own, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([general_name(one) for one in names])
        built = built.add_extension(alternatives, critical=False)
    return _pair(built.sign(private, hashes.SHA256()), key)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _built(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, days: float
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
    return builder.not_valid_before(now - EARLY).not_valid_after(now + timedelta(days=days))


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> IssuedPair:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    pem = certificate.public_bytes(Encoding.PEM).decode()
    return IssuedPair(pem, private, f"{certificate.serial_number:x}", certificate.not_valid_after_utc)
