"""Lists of IP addresses and networks: how a person writes them, and how a filter matches them."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from policies.compiled import TYPE_URL, Filter, Scope, Script
from policies.expression.lua import Source, Value, literal
from policies.expression.nodes import Literal, Select, Variable, said_by_caller, varies
from policies.fields.expressions import Expression, RequestExpression
from policies.policy import at_most
from policies.scripting.script import script
from policies.traits import Advice

Network = IPv4Network | IPv6Network

MAX_ENTRIES = 10_000
"""A Lua function holds 65 536 constants."""

REMEDY = "write an address (192.0.2.7), a network (192.0.2.0/24) or its first octets (192.0)"


def network(entry: str) -> Network:
    """The addresses that one entry stands for. Raises ValueError, whose text holds the remedy."""
    text = entry.strip()
    octets = text.rstrip(".").split(".")
    if len(octets) < 4 and all(octet.isdecimal() for octet in octets):
        text = ".".join([*octets, *["0"] * (4 - len(octets))]) + f"/{8 * len(octets)}"
    try:
        if "%" in text:
            raise ValueError("an interface has no place in a list")
        return _unmapped(ip_network(text))
    except ValueError:
        raise ValueError(f'"{entry}" is not an IP address or network; {_remedy(text)}') from None


def _unmapped(found: Network) -> Network:
    """Requests' IPv4 addresses inside IPv6 are matched as IPv4, so entries of that form must be too."""
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    return found if mapped is None or found.prefixlen < 96 else IPv4Network((mapped, found.prefixlen - 96))


def _remedy(text: str) -> str:
    try:
        return f"write {ip_network(text.partition('%')[0], strict=False)}"
    except ValueError:
        return REMEDY


def _checked(entry: str) -> str:
    try:
        network(entry)
    except ValueError as error:
        raise PydanticCustomError("ip", "{reason}", {"reason": str(error)}) from None
    return entry


def _filled(entries: tuple[str, ...]) -> tuple[str, ...]:
    if not entries:
        raise PydanticCustomError("empty", "list at least one address or network")
    return entries


Addresses = Annotated[
    tuple[Annotated[str, AfterValidator(_checked)], ...],
    at_most(MAX_ENTRIES, "entries"),
    AfterValidator(_filled),
    Field(json_schema_extra={"minItems": 1, "maxItems": MAX_ENTRIES}),
]


CALLER = "#[attributes.remoteAddress]"
FORWARDED_FOR = "x-forwarded-for"
"""The gateway writes the caller's address into this header before any policy, whatever it held."""


def _varies(address: Expression) -> Expression:
    if address.constant is not None:
        raise PydanticCustomError(
            "constant",
            "it is the same text for each request; write an expression, such as {caller}",
            {"caller": CALLER},
        )
    return address


AddressExpression = Annotated[
    RequestExpression,
    AfterValidator(_varies),
    Field(
        title="Where the address is read",
        description="#[attributes.remoteAddress] is the caller as the gateway's trusted proxies tell it, "
        "else who connects. Of several addresses in the value the first one counts.",
    ),
]


def advice(ips: Sequence[str], field: str, address: Expression) -> Iterator[Advice]:
    """Warnings where the list has every address, and where the address is read from what anybody can send."""
    networks = [network(it) for it in ips]
    if (every := next((it for it in networks if it.prefixlen == 0), None)) is not None:
        yield Advice("ips", f"{ips[networks.index(every)]} is every address of IPv{every.version}")
    elif message := _twice(ips, networks):
        yield Advice("ips", message)
    if not varies(address.node):
        yield Advice(field, f"is the same for each request; write {CALLER}")
    if not _is_caller(address) and (header := said_by_caller(address.node)):
        yield Advice(
            field,
            f"{header} is whatever the caller says; write {CALLER}, and name your proxies as the gateway's"
            " trusted proxies",
        )


def _twice(ips: Sequence[str], networks: Sequence[Network]) -> str:
    """Which entry does nothing, as another one has its addresses; "" for none."""
    first = {one: at for at, one in reversed(list(enumerate(networks)))}
    lengths = sorted({(one.version, one.prefixlen) for one in networks})
    for at, one in enumerate(networks):
        if first[one] != at:
            return f"has {ips[at]} more than once: that does nothing"
        shorter = (length for version, length in lengths if version == one.version and length < one.prefixlen)
        wider = (first.get(one.supernet(new_prefix=length)) for length in shorter)
        if (around := next((it for it in wider if it is not None), None)) is not None:
            return f"has {ips[at]}, which is in {ips[around]}: that does nothing"
    return ""


def address_filter(
    scope: Scope, policy: str, ips: Iterable[str], address: Expression, *, refuse_listed: bool
) -> Filter | Script:
    """Refuses with 403 the requests whose address is in the list, or those whose address is not.

    The caller's own address is matched by Envoy's RBAC; any other expression, and what only observes, by Lua.
    """
    networks = [network(entry) for entry in ips]
    if _is_caller(address) and not scope.observed_as:
        return _rbac(scope, policy, networks, refuse_listed=refuse_listed)
    files = [Path(__file__).with_name("addresses.lua")]
    settings: dict[str, Value] = {
        "refuse_listed": refuse_listed,
        "address": address.lua,
        "networks": _lua(networks),
    }
    return script(scope, policy, files, settings, evaluates=True)


def _is_caller(address: Expression) -> bool:
    """Flex Gateway's own default reads X-Forwarded-For, where the gateway has put the same."""
    match address.node:
        case Variable("attributes.remoteAddress"):
            return True
        case Select(Variable("attributes.headers"), Literal(str() as name)):
            return name.lower() == FORWARDED_FOR
    return False


def _rbac(scope: Scope, policy: str, networks: list[Network], *, refuse_listed: bool) -> Filter:
    """Complete by itself; by its `only_if` alone a request is let through for half of the price."""
    ranges = [
        {"address_prefix": str(item.network_address), "prefix_len": item.prefixlen}
        for one in networks
        for item in (one, *_mapped(one))
    ]
    listed = {"or_ids": {"ids": [{"remote_ip": one} for one in ranges]}}
    is_listed = _by_text(networks) or _by_ranges(ranges)
    return Filter(
        scope.binding,
        _denying(policy, listed if refuse_listed else {"not_id": listed}),
        only_if=is_listed if refuse_listed else {"not_matcher": is_listed},
        # The list a second time is an eighth of what Envoy takes for a thousand APIs that have one.
        met=_denying(policy, {"any": True}),
        refuses=True,
    )


def _denying(policy: str, principal: dict[str, Any]) -> dict[str, Any]:
    rules = {
        "action": "DENY",
        "policies": {policy: {"permissions": [{"any": True}], "principals": [principal]}},
    }
    return {"@type": TYPE_URL + "envoy.extensions.filters.http.rbac.v3.RBAC", "rules": rules}


def _mapped(network: Network) -> Iterator[Network]:
    """An IPv4 network as proxies write it that listen for IPv6 and take both."""
    if isinstance(network, IPv4Network):
        yield ip_network(f"::ffff:{network.network_address}/{96 + network.prefixlen}")


_FEW = 2
"""Networks whose texts are looked at one after the other."""
_CALLER = {
    "name": "caller",
    "typed_config": {"@type": TYPE_URL + "envoy.extensions.matching.common_inputs.network.v3.SourceIPInput"},
}


def _by_text(networks: list[Network]) -> dict[str, Any] | None:
    """Of a few networks that end with an octet: Envoy writes an address in one way, and to read it again
    takes 1,700 instructions more. None for others.
    """
    plain = [one for one in networks if isinstance(one, IPv4Network) and one.prefixlen in (8, 16, 24, 32)]
    if len(plain) != len(networks) or len(networks) > _FEW:
        return None
    texts = [text for one in plain for text in _texts(one)]
    return {
        "or_matcher": {
            "predicate": [{"single_predicate": {"input": _CALLER, "value_match": text}} for text in texts]
        }
    }


def _texts(network: IPv4Network) -> Iterator[dict[str, str]]:
    octets = str(network.network_address).split(".")[: network.prefixlen // 8]
    how, end = ("exact", "") if len(octets) == 4 else ("prefix", ".")
    for family in ("", "::ffff:"):
        yield {how: family + ".".join(octets) + end}


def _by_ranges(ranges: list[dict[str, Any]]) -> dict[str, Any]:
    kind = TYPE_URL + "envoy.extensions.matching.input_matchers.ip.v3.Ip"
    typed = {"@type": kind, "cidr_ranges": ranges, "stat_prefix": "ip"}
    matcher = {"name": "envoy.matching.matchers.ip", "typed_config": typed}
    return {"single_predicate": {"input": _CALLER, "custom_match": matcher}}


def _lua(networks: list[Network]) -> Source:
    """The set of leading bytes by family and prefix length: {[4] = {[24] = {["..."] = true}}}."""
    sets: dict[int, dict[int, list[bytes]]] = {4: {}, 6: {}}
    for item in networks:
        prefix = item.network_address.packed[: (item.prefixlen + 7) // 8]
        sets[item.version].setdefault(item.prefixlen, []).append(prefix)
    families = (
        f"[{version}] = {{{', '.join(_set(length, prefixes) for length, prefixes in lengths.items())}}}"
        for version, lengths in sets.items()
    )
    return Source(f"{{{', '.join(families)}}}")


def _set(length: int, prefixes: list[bytes]) -> str:
    return f"[{length}] = {{{', '.join(f'[{literal(prefix)}] = true' for prefix in prefixes)}}}"
