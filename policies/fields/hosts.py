"""Host names and addresses, as a URL holds them."""

import ipaddress
import re
from urllib.parse import SplitResult

MOST_CHARACTERS = 253
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?")
"""Ends as an address does, to what takes 127.1, 0x7f.1 and 0177.0.0.1 for one."""


def is_host(text: str) -> bool:
    """Whether it is an IP address, or a name that DNS can look up; what ends with a number is no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= MOST_CHARACTERS and bool(_NAME.fullmatch(text)) and not _NUMBER.fullmatch(text)
    return True


def port_of(url: SplitResult) -> int | None:
    """None where the URL says none. Raises ValueError, whose text says why, for what is no port."""
    try:
        port = url.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("the port is not a number from 1 to 65535")
    # Read as decimal, as everywhere; who writes a 0 before it may mean another one.
    if port is not None and (written := url.netloc.rpartition(":")[2]).startswith("0"):
        raise ValueError(f"port {written} begins with 0; write {port}")
    return port
