"""Certificates in order, and what is to be known of them in words."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import certifi
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from apis.secret_groups.reading import limits
from apis.secret_groups.reading.fault import StoreFault


def ordered(own: x509.Certificate, others: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Its own first, then its issuers, each with the one that signed it; what belongs to none is left out."""
    chain, left = [own], list(others)
    while len(chain) < limits.MOST_CHAIN and not is_root(chain[-1]):
        found = next((one for one in left if _signed(chain[-1], one)), None)
        if found is None:
            break
        chain.append(found)
        left.remove(found)
    return chain


def is_root(one: x509.Certificate) -> bool:
    return one.issuer == one.subject and _signed(one, one)


def text(certificates: Sequence[x509.Certificate]) -> str:
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)


def told_chain(chain: Sequence[x509.Certificate]) -> dict[str, Any]:
    """Of a certificate with its issuers."""
    own, last = chain[0], chain[-1]
    return told(own) | {"chain": len(chain), **_end(own, last)}


def _end(own: x509.Certificate, last: x509.Certificate) -> dict[str, Any]:
    if is_root(own):
        return {"is_complete": True, "chain_ends": "It signs itself: trusted by those alone who are told to."}
    if is_root(last):
        return {"is_complete": True, "chain_ends": f"Up to its root, {named(last.subject)}."}
    issuer = named(last.issuer)
    if last.issuer in _public_roots():
        return {"is_complete": True, "chain_ends": f"Up to {issuer}, which machines trust by themselves."}
    missing = f"{issuer}, which signed {named(last.subject)}, is not in it: who does not have it refuses."
    return {"is_complete": False, "chain_ends": missing}


def told(one: x509.Certificate) -> dict[str, Any]:
    """Public CAs leave the subject out: what it is for stands in its hosts then."""
    hosts = names(one)
    return {
        "subject": hosts[0] if hosts and not list(one.subject) else named(one.subject),
        "issuer": named(one.issuer),
        "names": hosts,
        "starts_at": one.not_valid_before_utc.isoformat(),
        "expires_at": one.not_valid_after_utc.isoformat(),
        "fingerprint": one.fingerprint(hashes.SHA256()).hex(),
        "key": key_words(one),
        "is_self_signed": one.issuer == one.subject,
        "is_ca": _is_ca(one),
        "is_weakly_signed": isinstance(one.signature_hash_algorithm, hashes.SHA1 | hashes.MD5),
    }


def check_dates(one: x509.Certificate, field: str) -> None:
    """Raises StoreFault for one that has ended."""
    if one.not_valid_after_utc <= datetime.now(UTC):
        ended = f"{one.not_valid_after_utc:%-d %B %Y}"
        raise StoreFault(
            field, f"the certificate of {named(one.subject)} ended on {ended}; choose the new one."
        )


def named(name: x509.Name) -> str:
    """The common name, else the whole name."""
    common = name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return (str(common[0].value) if common else name.rfc4514_string())[:200] or "no name"


def names(one: x509.Certificate) -> list[str]:
    """Hosts and addresses that it is good for."""
    try:
        found = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))][
        :200
    ]


def key_words(one: x509.Certificate) -> str:
    try:
        key = one.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "of an unknown kind"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA, {key.key_size} bits"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"ECDSA, {key.curve.name}"
    return type(key).__name__.removesuffix("PublicKey").strip("_")


def _is_ca(one: x509.Certificate) -> bool:
    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _signed(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


@cache
def _public_roots() -> frozenset[x509.Name]:
    with open(certifi.where(), "rb") as file:  # noqa: PTH123 - the library's own name of a file
        return frozenset(one.subject for one in x509.load_pem_x509_certificates(file.read()))
