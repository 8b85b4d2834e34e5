"""Which addresses a destination may have: of the internet, and of networks that the operator names.

A destination is entered by a tenant and called by the console, which stands inside of the operator's network:
without this, a webhook could ask the database, a neighbour or the cloud's metadata on a tenant's behalf.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
NAT64 = ip_network("64:ff9b::/96")
VARIABLE = "GATEWRIGHT_DESTINATION_NETWORKS"


def is_permitted(text: str, networks: Sequence[Network]) -> bool:
    """Of an IP address. One that holds another, as IPv4 in IPv6, is taken for the one within."""
    address = _inner(ip_address(text.partition("%")[0]))
    if any(address in network for network in networks):
        return True
    return address.is_global and not address.is_multicast and not address.is_reserved


def refusal(host: str) -> str:
    return f"{host} is not on the internet; the operator names other networks in {VARIABLE}"


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
