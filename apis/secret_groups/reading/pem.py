"""Files of certificates and keys, PEM or DER, and what people take for them."""

import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

from apis.secret_groups.reading import limits
from apis.secret_groups.reading.fault import StoreFault

_KEY = re.compile(rb"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")
_LOCKED = re.compile(rb"-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED")
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
JAVA = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")
"""What files of JKS and of JCEKS begin with."""


def certificates(content: bytes, field: str) -> list[x509.Certificate]:
    """One or several, in the order of the file."""
    if _CERTIFICATE not in content:
        return [_of_der(content, field)]
    if content.count(_CERTIFICATE) > limits.MOST_CERTIFICATES:
        raise StoreFault(field, f"it holds more than {limits.MOST_CERTIFICATES} certificates.")
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise StoreFault(field, "a certificate in it is damaged; export it again as PEM.") from None


def _of_der(content: bytes, field: str) -> x509.Certificate:
    if _KEY.search(content):
        raise StoreFault(field, "it holds a private key and no certificate; the files may be mixed up.")
    if b"-----BEGIN CERTIFICATE REQUEST-----" in content or b"-----BEGIN NEW CERTIFICATE REQ" in content:
        raise StoreFault(
            field, "it is a request for a certificate; choose the certificate that the CA answered."
        )
    if content.startswith(JAVA):
        raise StoreFault(field, "it is a Java keystore; choose the type JKS or JCEKS.")
    try:
        return x509.load_der_x509_certificate(content)
    except ValueError:
        hint = " If it is a .p12 or .pfx file, choose the type PKCS12." if content[:1] == b"\x30" else ""
        raise StoreFault(
            field, f"it is no certificate: PEM begins with {_CERTIFICATE.decode()}.{hint}"
        ) from None


def private_key(content: bytes, passphrase: str, field: str) -> PrivateKeyTypes:
    is_pem = b"-----BEGIN" in content
    if is_pem and not _KEY.search(content):
        held = "a certificate" if _CERTIFICATE in content else "something else"
        raise StoreFault(field, f"it holds {held} and no private key; the files may be mixed up.")
    is_locked = bool(_LOCKED.search(content))
    if is_locked and not passphrase:
        raise StoreFault("key_passphrase", "the key is encrypted: give its passphrase.")
    load = load_pem_private_key if is_pem else load_der_private_key
    secret = passphrase.encode() if passphrase and (is_locked or not is_pem) else None
    try:
        return load(content, secret, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        # Of DER nobody knows before it is read.
        if passphrase:
            return load(content, None, unsafe_skip_rsa_key_validation=True)
        raise StoreFault("key_passphrase", "the key is encrypted: give its passphrase.") from None
    except ValueError:
        if secret:
            raise StoreFault("key_passphrase", "the passphrase does not open the key.") from None
        raise StoreFault(field, "it is no private key, or it is damaged; export it again as PEM.") from None
    except UnsupportedAlgorithm:
        raise StoreFault(field, "it is a key of a kind that gateways do not serve with.") from None
