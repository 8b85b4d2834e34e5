"""A push as the workers make it, who come back when it is put off."""

import time
from uuid import UUID

from apis.deployment.push import push as push_once


def push(gateway_id: UUID) -> None:
    """Until the gateway's newest generation was sent."""
    while pause := push_once(gateway_id):
        time.sleep(pause.total_seconds())
