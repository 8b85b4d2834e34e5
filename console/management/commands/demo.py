"""`manage.py demo`: example APIs on the local gateway, called at a bounded rate until stopped."""

import math
import random
import signal
import time
from contextlib import suppress
from typing import Any

import httpx
from django.conf import settings
from django.core.management import BaseCommand, CommandError

from console.pages.parts import LOCAL_GATEWAY
from console.stack import demo
from gateways.models import Gateway

CALLS_A_SECOND = 6
WAVE_SECONDS = 240
"""The rate rises and falls this often, so that a chart of the last hour has a shape."""


class Command(BaseCommand):
    help = "Add example APIs to the local gateway and call them until stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        if not LOCAL_GATEWAY.exists():
            raise CommandError("No local gateway runs here: start one with `manage.py up --demo`.")
        gateway = Gateway.objects.get(pk=LOCAL_GATEWAY.read_text())
        port = demo.ensure_examples(gateway, settings.ECHO_URL)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        with (
            suppress(KeyboardInterrupt),
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
        ):
            while True:
                time.sleep(1 / _rate(time.time()))
                self.call(client)

    def call(self, client: httpx.Client) -> None:
        (call,) = random.choices(demo.CALLS, [call.weight for call in demo.CALLS])  # noqa: S311 which call is no secret
        try:
            client.request(call.method, call.path, headers=dict(call.headers), auth=call.auth)
        except httpx.HTTPError as error:
            self.stderr.write(f"{call.method} {call.path}: {error!r}")


def _rate(now: float) -> float:
    """Calls a second at this moment."""
    return CALLS_A_SECOND * (1 + 0.6 * math.sin(2 * math.pi * now / WAVE_SECONDS))
