"""Reads snapshots as they come over the wire."""

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import Any

import orjson

from gateways.protocol.resources import RESOURCE, AnyResource, Snapshot

_LIST, _END = b'"resources":[', b"]}"


class SnapshotReader:
    """Remembers the last snapshot: a resource that has not changed is the same object again, and what lies
    before the first change and behind the last one is not looked at.

    Checking a thousand APIs anew takes longer than all else that one changed policy needs; to parse them
    takes a quarter of it.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, AnyResource] = {}
        self._texts: list[bytes] = []
        self._list = b""
        """These texts with commas between, as they came."""

    def read(self, body: bytes) -> Snapshot:
        """Raises ValidationError."""
        try:
            head, listed = _split(body)
            texts = self._changed(listed) or _canonical(listed)
            known = {text: self._known.get(text) or RESOURCE.validate_json(text) for text in texts}
        except (ValueError, TypeError, KeyError):
            # ValidationError is a ValueError; this one tells the place within the whole.
            return Snapshot.model_validate_json(body)
        snapshot = Snapshot.model_validate({**head, "resources": ()})
        self._known, self._texts, self._list = known, texts, b",".join(texts)
        return snapshot.model_copy(update={"resources": tuple(known[text] for text in texts)})

    def _changed(self, listed: bytes) -> list[bytes] | None:
        """The texts of resources in such a list; None where they are not written as we do."""
        same = _begin_alike(self._list, listed)
        same_end = _end_alike(self._list[same:], listed[same:])
        starts = [0, *accumulate(len(text) + 1 for text in self._texts)]
        # Of both neighbours of a change the comma belongs to what is the same.
        first = bisect_right(starts, same, hi=len(self._texts)) - 1 if self._texts else 0
        last = bisect_left(starts, len(self._list) - same_end + 1, hi=len(self._texts))
        end = len(listed) - (len(self._list) - starts[last] + 1 if last < len(self._texts) else 0)
        between = listed[starts[first] : end]
        made = _canonical(between)
        return [*self._texts[:first], *made, *self._texts[last:]] if b",".join(made) == between else None


def _split(body: bytes) -> tuple[dict[str, Any], bytes]:
    """What a snapshot says beside its resources, and these as a list without its brackets. Raises ValueError,
    TypeError, KeyError.
    """
    head, found, rest = body.partition(_LIST)
    if found and rest.endswith(_END):
        # Only where the list is the outermost object's is this JSON.
        return orjson.loads(head + _LIST + _END), rest.removesuffix(_END)
    document = orjson.loads(body)
    return document, b",".join(map(orjson.dumps, document["resources"]))


def _canonical(listed: bytes) -> list[bytes]:
    """Raises ValueError."""
    return [orjson.dumps(one) for one in orjson.loads(b"[%s]" % listed)]


def _begin_alike(one: bytes, other: bytes) -> int:
    """How many bytes."""
    alike, differ = 0, min(len(one), len(other)) + 1
    while differ - alike > 1:
        middle = (alike + differ) // 2
        if one[alike:middle] == other[alike:middle]:
            alike = middle
        else:
            differ = middle
    return alike


def _end_alike(one: bytes, other: bytes) -> int:
    alike, differ = 0, min(len(one), len(other)) + 1
    while differ - alike > 1:
        middle = (alike + differ) // 2
        if one[len(one) - middle : len(one) - alike] == other[len(other) - middle : len(other) - alike]:
            alike = middle
        else:
            differ = middle
    return alike
