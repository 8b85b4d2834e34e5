"""How what only its owner may know is stored."""

import hashlib


def digest(token: str) -> str:
    """How a bearer token or a client secret is stored: SHA-256, since each has 256 random bits."""
    return hashlib.sha256(token.encode()).hexdigest()
