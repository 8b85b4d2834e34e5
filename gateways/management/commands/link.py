"""`manage.py link`: holds the agents' streams. As many processes as wanted, beside gunicorn's."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand

from gateways.agents.console_key import check_keys
from gateways.link import server


class Command(BaseCommand):
    help = "Hold the streams of gateways: GET /agent/v1/stream, which the console's front passes here."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
        parser.add_argument("--port", type=int, default=8001, help="(%(default)s)")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        check_keys(settings.HOME)
        try:
            server.run(host, port)
        except OSError as error:
            sys.exit(
                f"error: cannot listen on {host}:{port} ({error.strerror}): choose another --port or --host"
            )
