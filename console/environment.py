"""Reading settings from the environment."""

import os
from ipaddress import IPv4Network, IPv6Network, ip_network

from django.core.exceptions import ImproperlyConfigured


def number(name: str, default: int) -> int:
    """A whole number greater than 0."""
    text = os.environ.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise ImproperlyConfigured(f'{name}: "{text}" is not a whole number greater than 0.')
    return int(text)


def port(name: str, default: int) -> int:
    value = number(name, default)
    if value > 65535:
        raise ImproperlyConfigured(f"{name}: {value} is not a port; choose one from 1 to 65535.")
    return value


def networks(name: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """IP networks and addresses, separated by commas; none by default."""
    entries = (entry.strip() for entry in os.environ.get(name, "").split(","))
    return tuple(_network(name, entry) for entry in entries if entry)


def _network(name: str, text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise ImproperlyConfigured(f'{name}: "{text}" {_remedy(text)}') from None


def _remedy(text: str) -> str:
    try:
        return f"is not a network; write {ip_network(text, strict=False)}."
    except ValueError:
        return "is not an IP address or network; write them like 10.0.0.0/8, separated by commas."
