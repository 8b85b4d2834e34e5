"""Calls methods of gRPC, as policies' `ask.py` have them: bounded in size, verified, by no proxy."""

import asyncio
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateways.agent.host.trusted_cas import system_ca
from policies.answers.answer import Unanswered

OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    # A server that is there again is asked again: by itself gRPC would wait for up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.primary_user_agent", "gatewright"),
)


class Calls:
    """One channel to each server, for one event loop. Time is bounded by who asks."""

    def __init__(self) -> None:
        self._channels: dict[tuple[str, int], Any] = {}
        self._grpc: Any = None

    async def call(self, url: str, method: str, message: bytes, most_bytes: int) -> bytes:
        """What the method answers. Raises Unanswered."""
        if self._grpc is None:
            # It takes longer than a request may wait, and most gateways never need it.
            self._grpc = await asyncio.to_thread(import_module, "grpc.aio")
        channel = self._channels.get((url, most_bytes))
        if channel is None:
            channel = self._channels[url, most_bytes] = self._made(url, most_bytes)
        ask: Callable[[bytes], Any] = channel.unary_unary(method)
        try:
            answered: bytes = await ask(message)
        except self._grpc.AioRpcError as error:
            raise Unanswered(f"server: it answers {error.code().name}") from None
        return answered

    def _made(self, url: str, most_bytes: int) -> Any:
        at = urlsplit(url)
        host, is_secured = at.hostname or "", at.scheme == "https"
        port = at.port or (443 if is_secured else 80)
        target = f"dns:///{f'[{host}]' if ':' in host else host}:{port}"
        own = (("grpc.default_authority", at.netloc), ("grpc.max_receive_message_length", most_bytes))
        if not is_secured:
            return self._grpc.insecure_channel(target, (*OPTIONS, *own))
        trusted = import_module("grpc").ssl_channel_credentials(Path(system_ca()).read_bytes())
        return self._grpc.secure_channel(target, trusted, (*OPTIONS, *own))
