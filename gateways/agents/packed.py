"""A snapshot in the form in which it travels."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from gateways.models import Gateway
from gateways.protocol.resources import digest_of


@dataclass(frozen=True)
class Packed:
    """`body` is the JSON of a `resources.Snapshot`, `count` how many resources it holds."""

    generation: int
    digest: str
    count: int
    body: bytes


def packed(gateway: Gateway, texts: Sequence[bytes], count: int) -> Packed:
    """The gateway's snapshot of so many resources, in texts as `resources.canonical` gives one, or several
    with commas between.
    """
    digest = digest_of(texts)
    head = {"gateway": str(gateway.pk), "generation": gateway.generation, "digest": digest}
    body = b'%s,"resources":[%s]}' % (orjson.dumps(head)[:-1], b",".join(texts))
    return Packed(gateway.generation, digest, count, body)
