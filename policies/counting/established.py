"""Which connections the kernel has, by the cookie that it gives to no second one."""

import socket
import struct
from collections.abc import Iterator

_NETLINK, _SOCK_DIAG, _BY_FAMILY, _DONE, _ERROR = 16, 4, 20, 3, 2
_REQUEST_DUMP = 0x301
_HEADER = struct.Struct("=IHHII")
_QUESTION = struct.Struct("=BBBBI48x")
_ESTABLISHED = 1 << 1
_COOKIE_AT = 60
_SECONDS = 1.0
_MOST_BYTES = 1 << 16


def cookies() -> frozenset[bytes]:
    """Of those over TCP that are established. Raises OSError where the kernel does not tell."""
    with socket.socket(_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as kernel:
        kernel.settimeout(_SECONDS)
        return frozenset(
            one for family in (socket.AF_INET, socket.AF_INET6) for one in _of_family(kernel, family)
        )


def _of_family(kernel: socket.socket, family: int) -> Iterator[bytes]:
    question = _QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0, _ESTABLISHED)
    size = _HEADER.size + len(question)
    kernel.send(_HEADER.pack(size, _BY_FAMILY, _REQUEST_DUMP, family, 0) + question)
    while True:
        told, at = kernel.recv(_MOST_BYTES), 0
        while at + _HEADER.size <= len(told):
            length, kind, *_ = _HEADER.unpack_from(told, at)
            if kind == _DONE:
                return
            if kind == _ERROR or length < _HEADER.size:
                raise OSError("the kernel does not tell of connections")
            if kind == _BY_FAMILY:
                yield told[at + _COOKIE_AT : at + _COOKIE_AT + 8]
            at += length + -length % 4
