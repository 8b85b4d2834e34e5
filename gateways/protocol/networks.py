"""The proxies that are trusted to tell who the caller is."""

from dataclasses import dataclass
from ipaddress import ip_network

MOST_NETWORKS, MOST_HOPS = 200, 10


@dataclass(frozen=True)
class TrustedProxies:
    """Whose word on the caller is taken: that of these networks, or of everybody who connects.

    `hops` is how many proxies each request passes before the gateway; 0 where the networks tell.
    """

    networks: tuple[str, ...] = ()
    hops: int = 0


def checked_network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError(f'"{text}" is not a network; {_network_hint(text)}') from None


def _network_hint(text: str) -> str:
    try:
        return f"write {ip_network(text, strict=False)}"
    except ValueError:
        return "write an address (10.0.0.7) or a network (10.0.0.0/24, 2001:db8::/32)"
