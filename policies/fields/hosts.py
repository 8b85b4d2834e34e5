"""Host names and addresses, as a URL holds them."""

import ipaddress
import re

MOST_CHARACTERS = 253
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_NUMBERS = re.compile(r"[0-9.]+")


def is_host(text: str) -> bool:
    """Whether it is an IP address, or a name that DNS can look up; numbers alone are no name."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= MOST_CHARACTERS and bool(_NAME.fullmatch(text)) and not _NUMBERS.fullmatch(text)
    return True
