"""Which addresses the console calls on a tenant's word: of the internet, and of networks the operator names.

Webhooks and identity providers are entered by tenants and called by the console, which stands inside of the
operator's network: without this, one could ask the database, a neighbour or the cloud's metadata on a
tenant's behalf. What may be called for one purpose may not be for the other: each has networks of its own.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network
NAT64 = ip_network("64:ff9b::/96")
DESTINATIONS = "GATEWRIGHT_DESTINATION_NETWORKS"
PROVIDERS = "GATEWRIGHT_PROVIDER_NETWORKS"


def is_permitted(text: str, networks: Sequence[Network]) -> bool:
    """Of an IP address. One that holds another, as IPv4 in IPv6, is taken for the one within."""
    address = _inner(ip_address(text.partition("%")[0]))
    if any(address in network for network in networks):
        return True
    return address.is_global and not address.is_multicast and not address.is_reserved


def refusal(host: str, variable: str = DESTINATIONS) -> str:
    return f"{host} is not on the internet; the operator names other networks in {variable}"


def _inner(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
