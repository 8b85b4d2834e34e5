"""A stored secret is sent to the address that it was given for, and to no other.

Who may change an address and may not read the secret beside it could else have it sent to a server of theirs.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

ANEW = "Write it anew: the stored one was given for another address, and is not sent to this one."
STAYS = (
    "Empty: the stored one stays. It is shown to nobody, and asked for anew where the address leads to "
    "another server."
)
PORTS = {"http": 80, "h2": 80, "https": 443, "ldap": 389, "ldaps": 636}


def leads_elsewhere(before: Iterable[str], after: Iterable[str]) -> bool:
    """Whether one of the addresses is of another scheme, host or port than all that there were before."""
    known = {server(one) for one in before if one}
    return any(server(one) not in known for one in after if one)


def server(address: str) -> tuple[str, str, int | None]:
    """Its scheme, host and port; what cannot be read is like itself alone."""
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        host, port = "", None
    if not host:
        return "", address, None
    return parts.scheme, host, port or PORTS.get(parts.scheme)
