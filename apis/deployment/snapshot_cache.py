"""Remembers what APIs became as resources, as long as their rows are as they were.

A push carries every API of its gateway, and most often one of them has changed. PostgreSQL tells in
one statement which: a digest of an API's rows is cheaper than the rows themselves, whatever made them
change.
"""

from collections import OrderedDict
from threading import Lock

from django.db import connection, models

from apis.assets.models import Asset
from apis.models import ApiInstance, PolicyBinding, Route, RouteUpstream, TlsContext, Upstream
from gateways.models import Gateway

MOST = 20_000
"""APIs; some kilobytes each."""


def _all(model: type[models.Model], condition: str) -> str:
    """SQL for the text of all rows that meet the condition."""
    text = "string_agg((one.*)::text, ',' ORDER BY one.id)"
    return f"(SELECT {text} FROM {model._meta.db_table} AS one WHERE {condition})"


_ROWS = (
    "(api.*)::text",
    # Of the asset no more than resources are made of: its specification may be megabytes.
    f"(SELECT asset_id FROM {Asset._meta.db_table} AS one WHERE one.id = api.asset_id)",
    _all(Upstream, "one.api_id = api.id"),
    _all(
        TlsContext, f"one.id IN (SELECT tls_context_id FROM {Upstream._meta.db_table} WHERE api_id = api.id)"
    ),
    _all(Route, "one.api_id = api.id"),
    _all(RouteUpstream, f"one.route_id IN (SELECT id FROM {Route._meta.db_table} WHERE api_id = api.id)"),
    _all(PolicyBinding, "one.api_id = api.id"),
)
_DIGESTS = f"""
    SELECT api.id, sha256(convert_to(concat_ws(';', {", ".join(_ROWS)}), 'UTF8'))
    FROM {ApiInstance._meta.db_table} AS api
    WHERE api.gateway_id = %s AND api.is_deployed
    ORDER BY api.id
"""


def digests(gateway: Gateway) -> dict[int, bytes]:
    """Of all rows of each API that is deployed to the gateway, by the API's id, in its order."""
    with connection.cursor() as cursor:
        cursor.execute(_DIGESTS, [gateway.pk])
        return {pk: bytes(digest) for pk, digest in cursor.fetchall()}


class Memory:
    """Texts by API and digest of its rows; what was asked for longest ago is forgotten. Thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: OrderedDict[int, tuple[bytes, tuple[bytes, ...]]] = OrderedDict()
        self._lock = Lock()

    def recall(self, wanted: dict[int, bytes]) -> dict[int, tuple[bytes, ...]]:
        """The texts of those that are known with this digest."""
        with self._lock:
            found = {pk: self._known[pk] for pk in wanted if pk in self._known}
            for pk in found:
                self._known.move_to_end(pk)
        return {pk: texts for pk, (digest, texts) in found.items() if digest == wanted[pk]}

    def keep(self, digests: dict[int, bytes], texts: dict[int, tuple[bytes, ...]]) -> None:
        with self._lock:
            for pk, made in texts.items():
                self._known[pk] = digests[pk], made
                self._known.move_to_end(pk)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
