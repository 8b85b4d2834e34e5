"""What a link process hears in Valkey of one gateway."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings

from gateways.agents import outbox
from gateways.models import Gateway
from gateways.protocol.frames import frames
from gateways.protocol.resources import Snapshot


@dataclass
class Heard:
    gateway: Gateway
    valkey: "redis.Redis"
    messages: Any

    def calls(self) -> int:
        """How often a snapshot was announced since the last time that this was asked."""
        found = 0
        while (message := self.messages.get_message(timeout=0.2)) is not None:
            if message["type"] == "message":
                told = json.loads(message["data"])
                found += told == {"kind": "snapshot", "gateway": str(self.gateway.pk)}
        return found

    def sealed(self) -> bytes:
        found = self.valkey.get(outbox.key(self.gateway.pk))
        assert isinstance(found, bytes)
        return found

    def newest(self) -> Snapshot:
        framed = outbox.opened(self.gateway.pk, self.sealed())
        assert framed is not None
        [(_, body)] = frames([framed])
        return Snapshot.model_validate_json(body)


@contextmanager
def listening(gateway: Gateway) -> Iterator[Heard]:
    with redis.Redis.from_url(settings.REDIS_URL) as valkey, valkey.pubsub() as messages:
        messages.subscribe(outbox.CHANNEL)
        heard = Heard(gateway, valkey, messages)
        heard.calls()
        yield heard
