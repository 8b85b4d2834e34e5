"""Networks whose word about callers is taken."""

from ipaddress import ip_network

MOST_NETWORKS, MOST_HOPS = 200, 10


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
