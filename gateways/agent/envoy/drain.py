"""How Envoy leaves: its clients are asked to go, and it may end when they have gone."""

import logging
import time
from pathlib import Path

from gateways.agent.envoy.admin import Admin, AdminUnreachable
from gateways.agent.host import state_folder
from gateways.agent.xds.overload import LEAVING_FILE

QUIET_SECONDS = 3
"""Longer than Envoy takes to close an idle connection; those still open then belong to nobody."""
GONE_SECONDS = 0.5
"""A client that was told goodbye comes again over a new connection: between the two there is none."""

log = logging.getLogger(__name__)


def ask(admin: Admin, folder: Path, *, closes_listeners: bool = False) -> None:
    """Answers say goodbye and idle connections are closed; new ones are still taken. Harmless on repeat.

    With `closes_listeners` none is: another Envoy listens on the same ports. Raises AdminUnreachable.
    """
    if closes_listeners:
        admin.close_listeners()
    else:
        admin.drain()
    try:
        state_folder.write_bytes(folder / LEAVING_FILE, b"1")
    except OSError as error:
        log.warning("idle_connections=kept folder=%s reason=%r", folder, str(error))


class Leaving:
    """One Envoy on its way out; ask `is_over` again and again."""

    def __init__(self, admin: Admin, folder: Path, *, closes_listeners: bool = False) -> None:
        self._closes_listeners = closes_listeners
        self._admin = admin
        self._folder = folder
        self._is_asked = False
        self._requests = -1
        self._quiet_since = self._here_at = time.monotonic()

    def is_over(self) -> bool:
        """Holds when no connection has been open for a moment, or nothing was asked over the open ones for
        a while.

        An Envoy too busy to answer has still something to do.
        """
        try:
            if not self._is_asked:
                ask(self._admin, self._folder, closes_listeners=self._closes_listeners)
                self._is_asked = True
            connections, under_way, requests = self._traffic()
        except AdminUnreachable:
            return False
        now = time.monotonic()
        if connections or requests != self._requests:
            self._here_at = now
        if under_way or requests != self._requests:
            self._quiet_since, self._requests = now, requests
        return now - self._here_at > GONE_SECONDS or now - self._quiet_since > QUIET_SECONDS

    def _traffic(self) -> tuple[int, int, int]:
        """(open connections, requests under way, requests since the start), as clients see them."""
        stats = self._admin.stats(r"^http\.p[0-9]+\.downstream_(cx_active|rq_active|rq_total)$")
        kinds = ("cx_active", "rq_active", "rq_total")
        connections, under_way, requests = (
            sum(int(value) for name, value in stats.items() if name.endswith(kind)) for kind in kinds
        )
        return connections, under_way, requests
