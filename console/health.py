"""GET /healthz: whether each part of the console works."""

import time
from collections.abc import Callable
from pathlib import Path

import redis
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from gateways.models import Replica

PULSE_KEY = "worker-pulse"
PULSE_SECONDS = 5
"""How often beat has a worker write the time; three missed and the workers count as down."""
LOCAL_GATEWAY: Path = settings.HOME / "local-gateway" / "id"
"""Holds the id of the gateway that `manage.py up` runs; where it runs none, there is no such part."""


@login_not_required
@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when every part is up, else 503; each part says "up", or what is wrong with it."""
    parts = {name: check() for name, check in PARTS.items()}
    if LOCAL_GATEWAY.exists():
        parts["gateway"] = _gateway(LOCAL_GATEWAY.read_text())
    is_up = all(answer == "up" for answer in parts.values())
    return JsonResponse({"status": "up" if is_up else "down", "parts": parts}, status=200 if is_up else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except Error:
        return "does not answer"
    return "up"


def _valkey() -> str:
    try:
        cache.get(PULSE_KEY)
    except redis.RedisError:
        return "does not answer"
    return "up"


def _worker() -> str:
    try:
        pulse = cache.get(PULSE_KEY)
    except redis.RedisError:
        return "unknown: Valkey does not answer"
    if pulse is None:
        return "has not answered yet"
    age = time.time() - pulse
    return "up" if age < 3 * PULSE_SECONDS else f"silent for {age:.0f} s"


def _gateway(gateway_id: str) -> str:
    try:
        is_connected = Replica.objects.connected().filter(gateway_id=gateway_id).exists()
    except Error:
        return "unknown: the database does not answer"
    return "up" if is_connected else "not connected"


PARTS: dict[str, Callable[[], str]] = {"database": _database, "valkey": _valkey, "worker": _worker}
