"""How the front of this machine is, for the console's status."""

import json
from datetime import UTC, datetime
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificates

from console.front import certificate
from gateways.agent.envoy.admin import Admin, AdminUnreachable

SOCKET = "admin.sock"
UP = "up"


def state(folder: Path) -> str:
    """ "up", or what is wrong."""
    try:
        told = str(Admin(folder / SOCKET, timeout_seconds=1).server_info()["state"])
    except (AdminUnreachable, KeyError, ValueError):
        return "does not answer"
    if told != "LIVE":
        return told.lower()
    ends = _ends(folder / certificate.FILE)
    if ends and ends < datetime.now(UTC):
        return f"its certificate has expired on {ends:%Y-%m-%d}"
    return UP


def _ends(file: Path) -> datetime | None:
    """When the certificate that is served ends; None when there is none."""
    try:
        (secret,) = json.loads(file.read_bytes())["resources"]
    except (OSError, ValueError, KeyError):
        return None
    chain = secret["tls_certificate"]["certificate_chain"]["inline_string"]
    return load_pem_x509_certificates(chain.encode())[0].not_valid_after_utc
