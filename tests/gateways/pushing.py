"""A push as the workers make it, who come back when it is put off."""

import time
from uuid import UUID

from apis import deploy


def push(gateway_id: UUID) -> None:
    """Until the gateway's newest generation was sent."""
    while pause := deploy.push(gateway_id):
        time.sleep(pause.total_seconds())
