"""Gateways for measuring streams, and changes that are sent to them as the workers send them.

    python -m bench.streams_data make COUNT PUBLIC_KEY   prints the ids of as many gateways with this key
    python -m bench.streams_data one COUNT               sends one change each to so many of them, apart
    python -m bench.streams_data all COUNT               sends each of them one, as fast as one worker can

The key is base64 of PEM. What is sent is printed with the time of this machine's monotonic clock.
"""

import base64
import json
import sys
import time
from typing import Any

import django

PAUSE_SECONDS = 0.25
PREFIX = "stream-"


def make(count: int, public_key: str) -> list[str]:
    from console.models import Environment
    from gateways.models import Gateway

    environment, key = Environment.objects.earliest("created_at"), base64.b64decode(public_key).decode()
    made = Gateway.objects.bulk_create(
        Gateway(environment=environment, name=f"{PREFIX}{number}", public_key=key) for number in range(count)
    )
    return [str(one.pk) for one in made]


def send(count: int, pause_seconds: float) -> dict[str, float]:
    """When each was sent."""
    from apis.deployment import snapshot
    from gateways.agents import outbox
    from gateways.models import Gateway

    sent = {}
    for gateway in Gateway.objects.filter(name__startswith=PREFIX).order_by("pk")[:count]:
        time.sleep(pause_seconds)
        sent[str(gateway.pk)] = time.monotonic()
        gateway.generation += 1
        gateway.save(update_fields=["generation"])
        outbox.send(gateway, snapshot.build(gateway))
    return sent


def main(what: str, count: int, *more: str) -> Any:
    if what == "make":
        return make(count, *more)
    return send(count, PAUSE_SECONDS if what == "one" else 0)


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])))
