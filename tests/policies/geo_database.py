"""Writes a small database of countries as MaxMind-DB-spec 2.0 has it: a tree of address bits, and data."""

import ipaddress
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_DATA_GAP = 16
_STRING, _UINT16, _UINT32, _MAP, _UINT64, _ARRAY = 2, 5, 6, 7, 9, 11
_METADATA = b"\xab\xcd\xefMaxMind.com"


def write(path: Path, countries: Mapping[str, str]) -> None:
    """`countries` are ISO codes by network, of either version."""
    nodes: list[list[int | str | None]] = [[None, None]]
    for network, code in countries.items():
        _add(nodes, _bits(network), code)
    data, places = b"", {}
    for code in sorted(set(countries.values())):
        places[code] = len(data)
        data += _packed({"country": {"iso_code": code, "names": {"en": code}}})
    count = len(nodes)

    def record(value: int | str | None) -> bytes:
        number = (
            count if value is None else value if isinstance(value, int) else count + _DATA_GAP + places[value]
        )
        return struct.pack(">I", number)

    tree = b"".join(record(one) for node in nodes for one in node)
    metadata = {
        "node_count": (_UINT32, count),
        "record_size": (_UINT16, 32),
        "ip_version": (_UINT16, 6),
        "database_type": "Test-Country",
        "languages": ["en"],
        "binary_format_major_version": (_UINT16, 2),
        "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, int(time.time())),
        "description": {"en": "for tests"},
    }
    beside = path.with_suffix(".new")
    beside.write_bytes(tree + bytes(_DATA_GAP) + data + _METADATA + _packed(metadata))
    beside.replace(path)


def _bits(network: str) -> str:
    """IPv4 lies at ::/96."""
    one = ipaddress.ip_network(network)
    if isinstance(one, ipaddress.IPv4Network):
        return "0" * 96 + f"{int(one.network_address):032b}"[: one.prefixlen]
    return f"{int(one.network_address):0128b}"[: one.prefixlen]


def _add(nodes: list[list[int | str | None]], bits: str, code: str) -> None:
    at = 0
    for bit in map(int, bits[:-1]):
        following = nodes[at][bit]
        if not isinstance(following, int):
            nodes.append([following, following])
            following = nodes[at][bit] = len(nodes) - 1
        at = following
    nodes[at][int(bits[-1])] = code


def _packed(value: Any) -> bytes:
    match value:
        case str():
            encoded = value.encode()
            return _head(_STRING, len(encoded)) + encoded
        case (int(kind), int(number)):
            encoded = number.to_bytes((number.bit_length() + 7) // 8, "big")
            return _head(kind, len(encoded)) + encoded
        case dict():
            return _head(_MAP, len(value)) + b"".join(_packed(k) + _packed(v) for k, v in value.items())
        case list():
            return _head(_ARRAY, len(value)) + b"".join(map(_packed, value))
    raise TypeError(type(value))


def _head(kind: int, size: int) -> bytes:
    assert size < 29
    return bytes([kind << 5 | size]) if kind < 8 else bytes([size, kind - 7])
