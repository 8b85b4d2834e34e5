"""`manage.py link`: answers the agents' streams. As many processes as wanted, beside gunicorn's."""

import resource
from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.core.management import BaseCommand

from gateways.link.app import Link

GRACEFUL_SECONDS = 2


class Command(BaseCommand):
    help = "Hold the streams of agents: GET /agent/v1/stream, which the console's front passes here."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
        parser.add_argument("--port", type=int, default=8001, help="(%(default)s)")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        _allow_many_connections()
        link = Link()
        config = uvicorn.Config(
            link.app(),
            host=host,
            port=port,
            http="h11",
            ws="none",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
        Server(config, link).run()


class Server(uvicorn.Server):
    """Ends the streams before it waits for their end."""

    def __init__(self, config: uvicorn.Config, link: Link) -> None:
        super().__init__(config)
        self._link = link

    async def shutdown(self, sockets: Any = None) -> None:
        self._link.end()
        await super().shutdown(sockets)


def _allow_many_connections() -> None:
    """A file descriptor for each: as many as the machine lets us have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
