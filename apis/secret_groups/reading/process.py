"""Has a store read in a process of its own, which can take no more than its share and is always ended.

What it holds goes through memory alone: a key touches no disk.
"""

import json
from typing import Any

from apis import bounded
from apis.secret_groups.reading import limits
from apis.secret_groups.reading.fault import StoreFault
from apis.secret_groups.reading.uploaded import UploadedSecret
from console.room import NoRoom, Room

CHILD = ("-m", "apis.secret_groups.reading.child")
TOO_MUCH = (
    "opening it takes more than {} s of computing: its passphrase is stretched too often. Export it anew, "
    "for example with openssl pkcs12 -export -iter 10000."
)
OTHERS_FIRST = "other files are being read; send this one again in some seconds."
ROOM = Room(limits.MOST_READ, limits.MOST_WAITING)


def read(asked: UploadedSecret, wall_seconds: float = limits.WALL_SECONDS) -> dict[str, Any]:
    """{"content", "told"}. Raises StoreFault."""
    for name, content in asked.files.items():
        if len(content) > limits.MOST_BYTES:
            raise StoreFault(name, f"the file is larger than {limits.MOST_BYTES // 1024} KB.")
    for name in ("passphrase", "key_passphrase"):
        if len(getattr(asked, name)) > limits.LONGEST_PASSPHRASE:
            raise StoreFault(name, f"it is longer than {limits.LONGEST_PASSPHRASE} characters.")
    try:
        with ROOM.place():
            answer = bounded.ask(
                CHILD, asked.written(), wall_seconds=wall_seconds, answer_bytes=limits.ANSWER_BYTES
            )
    except NoRoom:
        raise StoreFault(_main(asked), OTHERS_FIRST) from None
    if answer.why in ("time", "computing"):
        raise StoreFault(_main(asked), TOO_MUCH.format(limits.CPU_SECONDS))
    if answer.why:
        raise StoreFault(_main(asked), "it cannot be read: it is damaged, or of a kind that nobody knows.")
    found: dict[str, Any] = json.loads(answer.content)
    if fault := found.get("fault"):
        raise StoreFault(fault["field"], fault["message"])
    return found


def _main(asked: UploadedSecret) -> str:
    return "store" if "store" in asked.files else "certificate"
