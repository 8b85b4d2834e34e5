"""The parts that the console needs, and how each of them is: /healthz and the status page ask here."""

from pathlib import Path

from django.conf import settings

from console import database
from console.background import NO_ANSWER, SystemPart, asked, part
from console.front import health
from gateways.models import Replica

LOCAL_GATEWAY: Path = settings.HOME / "local-gateway" / "id"
"""Holds the id of the gateway that `manage.py up` runs; where it runs none, there is no such part."""
FRONT: Path = settings.HOME / "front"
"""The folder of the front that runs on this machine; elsewhere there is no such part."""


def look() -> list[SystemPart]:
    """Ask every part now. One that does not answer costs a second or two, never more."""
    has_database = database.answers()
    parts = [part("database", "up" if has_database else NO_ANSWER), *asked()]
    if LOCAL_GATEWAY.exists():
        parts.append(part("gateway", _gateway() if has_database else f"unknown: the database {NO_ANSWER}"))
    if (FRONT / health.SOCKET).exists():
        parts.append(part("front", health.state(FRONT)))
    return parts


def _gateway() -> str:
    gateway_id = LOCAL_GATEWAY.read_text()
    is_connected = Replica.objects.connected().filter(gateway_id=gateway_id).exists()
    return "up" if is_connected else "not connected"
