"""The console's certificate: checked before it is used, and taken anew when its files change."""

import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificates
from django.core.exceptions import ImproperlyConfigured

from console.front.settings import FrontTls
from policies.compiled import TYPE_URL

NAME = "console"
FILE = "certificate.json"
MOST_BYTES = 1024 * 1024


def socket(folder: Path) -> dict[str, Any]:
    """TLS with what `offer` wrote last. TLS 1.2 and 1.3, HTTP/2 where the browser speaks it."""
    source = {"resource_api_version": "V3", "path_config_source": {"path": str(folder / FILE)}}
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": TYPE_URL + "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificate_sds_secret_configs": [{"name": NAME, "sds_config": source}],
            },
        },
    }


def offer(tls: FrontTls, folder: Path) -> None:
    """Give Envoy the certificate. Raises ImproperlyConfigured, and changes nothing, when it is no good."""
    chain, key = _read("GATEWRIGHT_TLS_CERT", tls.certificate), _read("GATEWRIGHT_TLS_KEY", tls.key)
    _check(tls, chain, key)
    secret = {
        "@type": TYPE_URL + "envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": NAME,
        "tls_certificate": {
            "certificate_chain": {"inline_string": chain.decode()},
            "private_key": {"inline_string": key.decode()},
        },
    }
    fresh = folder / f"{FILE}.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({"resources": [secret]}, file)
    fresh.rename(folder / FILE)


def state(tls: FrontTls) -> tuple[tuple[int, int, int], ...]:
    """Changes when a file is written or replaced."""
    return tuple(_stat(path) for path in (tls.certificate, tls.key))


def _stat(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _read(variable: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise ImproperlyConfigured(f"{variable}: {path} cannot be read: {error.strerror}.") from None


def _check(tls: FrontTls, chain: bytes, key: bytes) -> None:
    try:
        certificate = load_pem_x509_certificates(chain)[0]
    except ValueError:
        raise ImproperlyConfigured(
            f"GATEWRIGHT_TLS_CERT: {tls.certificate} holds no certificate in PEM."
        ) from None
    try:
        private = load_pem_private_key(key, password=None)
    except TypeError:
        raise ImproperlyConfigured(
            f"GATEWRIGHT_TLS_KEY: {tls.key} is encrypted with a passphrase; give it without one."
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ImproperlyConfigured(f"GATEWRIGHT_TLS_KEY: {tls.key} holds no private key in PEM.") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if certificate.public_key().public_bytes(*form) != private.public_key().public_bytes(*form):
        raise ImproperlyConfigured(f"GATEWRIGHT_TLS_KEY: {tls.key} is not the key of {tls.certificate}.")
