"""Whom this machine trusts to sign the certificates of upstreams and of the console."""

import ssl
from functools import cache
from pathlib import Path

import certifi

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


@cache
def system_ca() -> str:
    """The file of the CAs that this machine trusts, certifi's where it has none."""
    known = (ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((path for path in known if path and Path(path).is_file()), certifi.where())


def client_context() -> ssl.SSLContext:
    """The TLS context of a client that trusts these CAs, and those of SSL_CERT_FILE or SSL_CERT_DIR."""
    context = ssl.create_default_context()
    context.load_verify_locations(system_ca())
    return context


def trusting(pem: str) -> ssl.SSLContext:
    """The same of a client that trusts these certificates and no others. Raises ssl.SSLError."""
    return ssl.create_default_context(cadata=pem)
