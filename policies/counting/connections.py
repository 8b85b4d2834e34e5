"""The file in which all worker threads of a gateway's Envoy count open WebSocket connections.

    page 0        header: magic, seed of the hash, boot id and machine; a lock; lists of free entries
    OWNERS        512 bindings of the policy: their first connection, how many, when they were looked through
    ENTRIES       a connection each: both addresses, the cookie that the kernel gave it, the next one
    SHARED        of each binding the name that replicas give it, how many others have open, when they said so

A connection is counted when it asks for the upgrade, and not given back when it ends: nothing of Envoy's
tells a script of that. It is the kernel that knows. It gives each connection a cookie that no second one
gets; where as many are counted as may be, each is looked up (NETLINK_SOCK_DIAG, some 3 microseconds), and
those that are gone, or not established any more, are taken out before the new one is judged. So none is
forgotten and none outlives its end, however client, upstream, Envoy or the machine's power ended it. A look
through takes a twentieth of the time at most.

Where replicas share a limit, each tells the others how many it has open, and adds theirs to its own:
opened.py does that, beside all requests.
"""

import hashlib
import mmap
import secrets
import struct
from pathlib import Path

from policies.expression.lua import Value
from policies.memory import shared_file

LUA = Path(__file__).with_name("connections.lua")
MAGIC = b"GWSOCKS2"
HEADER = struct.Struct("=8s8s64s48x")
PAGE = 4096
OWNER_COUNT, MOST_CONNECTIONS = 512, 16384
OWNER, ENTRY, SHARED_ENTRY = struct.Struct("=8s2I2d"), struct.Struct("=8s3I44x"), struct.Struct("=8s2I2d")
OWNERS = PAGE
ENTRIES = OWNERS + OWNER_COUNT * OWNER.size
SHARED = ENTRIES + (MOST_CONNECTIONS + 1) * ENTRY.size
SIZE = SHARED + OWNER_COUNT * SHARED_ENTRY.size
HEARD_MS = 10_000
"""For so long counts what others said last."""
PLACE = shared_file.SharedFile("shm-sockets", "connections", "-sockets")


def path(state: Path) -> Path:
    return PLACE.path(state)


def settings(state: Path, *, shared_as: str = "") -> dict[str, Value]:
    """What connections.lua needs of the file. `shared_as` is a name that is the same in all replicas."""
    name = hashlib.blake2b(shared_as.encode(), digest_size=8).digest() if shared_as else bytes(8)
    return {
        "shared": SHARED,
        "shared_as": struct.unpack("=2i", name),
        "heard_ms": HEARD_MS,
        "path": str(path(state)),
        "size": SIZE,
        "owners": OWNERS,
        "owner_count": OWNER_COUNT,
        "entries": ENTRIES,
        "entry_count": MOST_CONNECTIONS,
    }


def prepare(state: Path) -> None:
    """Makes the file unless a usable one is there. Raises OSError."""
    PLACE.prepare(state, _is_usable, lambda file: shared_file.create(file, SIZE, SIZE, _fill))


def _is_usable(file: Path) -> bool:
    return shared_file.is_whole(file, HEADER, SIZE, MAGIC)


def _fill(memory: mmap.mmap) -> None:
    HEADER.pack_into(memory, 0, MAGIC, secrets.token_bytes(8), shared_file.identity())
    shared_file.make_locks(memory, [HEADER.size])
