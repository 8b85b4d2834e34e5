"""The file in which all worker threads of a gateway's Envoy count open WebSocket connections.

    page 0        header: magic, seed of the hash, boot id and machine; a lock; lists of free entries
    OWNERS        512 bindings of the policy: their first connection, how many, when they were looked through
    ENTRIES       a connection each: both addresses, the cookie that the kernel gave it, the next one

A connection is counted when it asks for the upgrade, and not given back when it ends: nothing of Envoy's
tells a script of that. It is the kernel that knows. It gives each connection a cookie that no second one
gets; where as many are counted as may be, each is looked up (NETLINK_SOCK_DIAG, some 3 microseconds), and
those that are gone, or not established any more, are taken out before the new one is judged. So none is
forgotten and none outlives its end, however client, upstream, Envoy or the machine's power ended it. A look
through takes a twentieth of the time at most.
"""

import mmap
import secrets
import struct
from pathlib import Path

from policies.expression.lua import Value
from policies.memory import place

LUA = Path(__file__).with_name("connections.lua")
MAGIC = b"GWSOCKS1"
HEADER = struct.Struct("=8s8s64s48x")
PAGE = 4096
OWNER_COUNT, MOST_CONNECTIONS = 512, 16384
OWNERS = PAGE
ENTRIES = OWNERS + OWNER_COUNT * 32
ENTRY_BYTES = 64
SIZE = ENTRIES + (MOST_CONNECTIONS + 1) * ENTRY_BYTES
PLACE = place.Place("shm-sockets", "connections", "-sockets")


def path(state: Path) -> Path:
    return PLACE.path(state)


def settings(state: Path) -> dict[str, Value]:
    """What connections.lua needs of the file."""
    return {
        "path": str(path(state)),
        "size": SIZE,
        "owners": OWNERS,
        "owner_count": OWNER_COUNT,
        "entries": ENTRIES,
        "entry_count": MOST_CONNECTIONS,
    }


def prepare(state: Path) -> None:
    """Makes the file unless a usable one is there. Raises OSError."""
    PLACE.prepare(state, _is_usable, lambda file: place.create(file, SIZE, SIZE, _fill))


def _is_usable(file: Path) -> bool:
    return place.is_whole(file, HEADER, SIZE, MAGIC)


def _fill(memory: mmap.mmap) -> None:
    HEADER.pack_into(memory, 0, MAGIC, secrets.token_bytes(8), place.identity())
    place.make_locks(memory, [HEADER.size])
