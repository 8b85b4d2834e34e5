"""Keystores, truststores and certificates, read: PEM of what they hold, and what is told of it."""

from collections.abc import Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    pkcs12,
)

from apis.secret_groups.reading import chains, java, pem
from apis.secret_groups.reading.fault import StoreFault
from apis.secret_groups.reading.uploaded import UploadedSecret
from gateways.protocol import tls

Found = tuple[PrivateKeyTypes | None, list[x509.Certificate]]


def read(asked: UploadedSecret) -> dict[str, Any]:
    """{"content", "told"}. Raises StoreFault."""
    if asked.kind == "keystore":
        return _keystore(asked)
    if asked.kind == "truststore":
        return _truststore(asked)
    return _certificate(asked)


def _keystore(asked: UploadedSecret) -> dict[str, Any]:
    key, found = _key_of_pem(asked) if asked.type == "PEM" else _key_of_store(asked)
    assert key is not None
    chain = _chain(key, found, "certificate" if asked.type == "PEM" else "store")
    chains.check_dates(chain[0], "certificate" if asked.type == "PEM" else "store")
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    crt = chains.text(chain)
    if wrong := tls.mismatch(crt, private):
        part, reason = wrong
        field = {"crt": "certificate", "key": "key"}[part] if asked.type == "PEM" else "store"
        raise StoreFault(field, f"the {'certificate' if part == 'crt' else 'private key'} {reason}.")
    return {"content": {"certificate": crt, "key": private}, "told": chains.told_chain(chain)}


def _key_of_pem(asked: UploadedSecret) -> Found:
    """A file that holds both may stand for both."""
    certificate, key = asked.files.get("certificate", b""), asked.files.get("key", b"")
    if not certificate:
        raise StoreFault("certificate", "choose the certificate's file, or paste it.")
    found = pem.certificates(certificate, "certificate")
    if chain := asked.files.get("chain"):
        found += pem.certificates(chain, "chain")
    if not key and b"PRIVATE KEY-----" not in certificate:
        raise StoreFault("key", "choose the private key's file, or paste it.")
    return pem.private_key(key or certificate, asked.key_passphrase or asked.passphrase, "key"), found


def _key_of_store(asked: UploadedSecret) -> Found:
    content = _store(asked)
    if asked.type == "PKCS12":
        return _of_pkcs12(content, asked)
    store = java.read(content, asked.passphrase)
    if not store.keys:
        raise StoreFault("store", "it holds no private key: it is a truststore.")
    if asked.alias and (alias := asked.alias.lower()) not in {one.lower() for one in store.keys}:
        raise StoreFault("alias", f'it has no key "{alias}"; there is {_listed(store.keys)}.')
    if not asked.alias and len(store.keys) > 1:
        raise StoreFault("alias", f"it holds several keys: {_listed(store.keys)}. Say which by its alias.")
    name = next(one for one in store.keys if one.lower() == asked.alias.lower() or not asked.alias)
    protected, chain = store.keys[name]
    opened = java.private_key(protected, asked.key_passphrase or asked.passphrase)
    try:
        key = load_der_private_key(opened, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        raise StoreFault("key_passphrase", "the passphrase does not open the key.") from None
    return key, [_der(one) for one in chain]


def _of_pkcs12(content: bytes, asked: UploadedSecret) -> Found:
    found = _opened(content, asked)
    if found.key is None:
        raise StoreFault("store", "it holds no private key: it is a truststore.")
    own = [found.cert.certificate] if found.cert else []
    named = found.cert.friendly_name if found.cert else None
    if asked.alias and named and named.decode(errors="replace").lower() != asked.alias.lower():
        raise StoreFault("alias", f'its key is "{named.decode(errors="replace")}", not "{asked.alias}".')
    return found.key, [*own, *(one.certificate for one in found.additional_certs)]


def _opened(content: bytes, asked: UploadedSecret) -> pkcs12.PKCS12KeyAndCertificates:
    if content.startswith(pem.JAVA):
        raise StoreFault("type", "it is a Java keystore; choose the type JKS or JCEKS.")
    if b"-----BEGIN" in content[:4096]:
        raise StoreFault("type", "it is PEM; choose the type PEM.")
    secret = asked.passphrase.encode() if asked.passphrase else None
    try:
        return pkcs12.load_pkcs12(content, secret)
    except ValueError as error:
        if "password" in str(error).lower() or "mac" in str(error).lower():
            words = (
                "does not open the store" if secret else "is missing, or the store needs none that is empty"
            )
            raise StoreFault("passphrase", f"the passphrase {words}.") from None
        raise StoreFault("store", "it is no PKCS #12 file, or it is damaged.") from None
    except Exception:
        raise StoreFault("store", "it is encrypted in a way that cannot be read; export it anew.") from None


def _truststore(asked: UploadedSecret) -> dict[str, Any]:
    content = _store(asked)
    if asked.type == "PEM":
        found = pem.certificates(content, "store")
    elif asked.type == "PKCS12":
        opened = _opened(content, asked)
        found = [one.certificate for one in opened.additional_certs]
        found += [opened.cert.certificate] if opened.cert else []
    else:
        store = java.read(content, asked.passphrase)
        found = [_der(one) for one in store.trusted]
    if not found:
        raise StoreFault("store", "it holds no certificate that is trusted.")
    told = [chains.told(one) for one in found]
    first = min(told, key=lambda one: one["expires_at"])
    if first["expires_at"] and all(_ended(one) for one in found):
        chains.check_dates(found[0], "store")
    public = {"certificates": told[:20], "count": len(told), "subject": told[0]["subject"]}
    return {
        "content": {"trusted_ca": chains.text(found)},
        "told": public | {"expires_at": first["expires_at"]},
    }


def _certificate(asked: UploadedSecret) -> dict[str, Any]:
    content = asked.files.get("certificate", b"")
    if not content:
        raise StoreFault("certificate", "choose the certificate's file, or paste it.")
    first, *others = pem.certificates(content, "certificate")
    chain = chains.ordered(first, others)
    chains.check_dates(first, "certificate")
    return {"content": {"certificate": chains.text(chain)}, "told": chains.told_chain(chain)}


def _chain(key: PrivateKeyTypes, found: Sequence[x509.Certificate], field: str) -> list[x509.Certificate]:
    """The certificate of the key, wherever it stands, then its issuers."""
    public = key.public_key()
    own = next((one for one in found if one.public_key() == public), None)
    if own is None:
        subjects = ", ".join(chains.named(one.subject) for one in found[:3]) or "no certificate"
        raise StoreFault(field, f"the private key belongs to another certificate than {subjects}.")
    return chains.ordered(own, [one for one in found if one is not own])


def _store(asked: UploadedSecret) -> bytes:
    if content := asked.files.get("store"):
        return content
    raise StoreFault("store", "choose its file.")


def _der(content: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(content)
    except ValueError:
        raise StoreFault("store", "a certificate in it is damaged.") from None


def _ended(one: x509.Certificate) -> bool:
    try:
        chains.check_dates(one, "")
    except StoreFault:
        return True
    return False


def _listed(names: Any) -> str:
    return ", ".join(f'"{one}"' for one in list(names)[:10])
