"""Protobuf's wire format, as far as the messages of ext_authz need it."""

from collections.abc import Iterable, Mapping

Fields = Mapping[int, list[int | bytes]]
"""The values of a message's fields, in order, by number: numbers as they are, texts and messages as bytes."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}
MOST_BITS = 64


class Malformed(ValueError):
    """It is no message."""


def message(*fields: bytes) -> bytes:
    return b"".join(fields)


def text(number: int, given: str | bytes) -> bytes:
    """A field that is a text, bytes or a message."""
    plain = given.encode() if isinstance(given, str) else given
    return _varint(number << 3 | _BYTES) + _varint(len(plain)) + plain


def mapping(number: int, entries: Iterable[tuple[str, str]]) -> bytes:
    return b"".join(text(number, text(1, key) + text(2, value)) for key, value in entries)


def fields(plain: bytes) -> Fields:
    """Raises Malformed."""
    found: dict[int, list[int | bytes]] = {}
    at = 0
    while at < len(plain):
        key, at = _read_varint(plain, at)
        kind, number = key & 7, key >> 3
        value: int | bytes
        if kind == _VARINT:
            value, at = _read_varint(plain, at)
        elif kind == _BYTES:
            size, at = _read_varint(plain, at)
            value, at = plain[at : at + size], at + size
        elif kind in _SIZES:
            value, at = plain[at : at + _SIZES[kind]], at + _SIZES[kind]
        else:
            raise Malformed(f"a field of kind {kind}")
        if at > len(plain) or not number:
            raise Malformed("it ends within a field")
        found.setdefault(number, []).append(value)
    return found


def number(of: Fields, field: int, default: int = 0) -> int:
    """The last value of a field. Raises Malformed."""
    value = of.get(field, [default])[-1]
    if isinstance(value, bytes):
        raise Malformed(f"field {field} is no number")
    return value


def content(of: Fields, field: int) -> bytes:
    """The last value of a field that is a text; b"" where there is none. Raises Malformed."""
    return (contents(of, field) or [b""])[-1]


def within(of: Fields, field: int) -> Fields:
    """The fields of the message that a field holds; of one in parts, all of them. Raises Malformed."""
    return fields(b"".join(contents(of, field)))


def contents(of: Fields, field: int) -> list[bytes]:
    """All values of it. Raises Malformed."""
    values = [one for one in of.get(field, ()) if isinstance(one, bytes)]
    if len(values) != len(of.get(field, ())):
        raise Malformed(f"field {field} is no text")
    return values


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def _read_varint(plain: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(plain) and shift < MOST_BITS:
        byte = plain[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise Malformed("it ends within a number")
