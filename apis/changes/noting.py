"""Notes of very many APIs what a change of what they share brought to them.

The request that makes such a change raises the generations of their gateways, and leaves the rest to a
worker: one row for each API takes ten times as long. A gateway that fetches meanwhile runs the change; until
it is noted, no API of that gateway is told to be Active before the gateway answered (`noting_generation`).

An API may change again meanwhile. Then it has a later generation, which stays, and what ran in between is
what the later change replaced: so it does not matter when this is done, nor in which order.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apis.brought_to_many import BroughtToMany
from apis.changes import bookkeeping
from console.models import Environment

GATEWAYS_AT_ONCE, MOST_TENDED = 10, 20
SLICE_SECONDS = 5
"""Of a worker's thread at once: pushes take their turns between."""

_BROUGHT = """
    INSERT INTO apis_brought (api_id, gateway_id, generation, revision_id, replaced_id, entry_id, at)
    SELECT one.api, one.gateway, one.generation, ran.revision, ran.revision, %(entry)s, %(at)s
    FROM unnest(%(apis)s::bigint[], %(gateways)s::uuid[], %(generations)s::bigint[])
        AS one (api, gateway, generation)
    CROSS JOIN LATERAL (
        (
            SELECT replaced_id AS revision FROM apis_brought
            WHERE api_id = one.api AND gateway_id = one.gateway AND generation > one.generation
            ORDER BY generation LIMIT 1
        )
        UNION ALL
        SELECT revision_id FROM apis_apiinstance AS api
        WHERE api.id = one.api AND api.gateway_id = one.gateway
        LIMIT 1
    ) AS ran
"""
_APIS = """
    UPDATE apis_apiinstance AS api SET changed_at = %(at)s, changed_generation = one.generation,
        revision_generation = CASE WHEN revision_generation = changed_generation THEN one.generation
            ELSE revision_generation END
    FROM unnest(%(apis)s::bigint[], %(gateways)s::uuid[], %(generations)s::bigint[])
        AS one (api, gateway, generation)
    WHERE api.id = one.api AND api.gateway_id = one.gateway AND api.changed_generation < one.generation
"""
_GATEWAYS = """
    UPDATE gateways_gateway AS gateway SET noting_generation = 0
    FROM unnest(%(ids)s::uuid[], %(raised)s::bigint[]) AS one (id, generation)
    WHERE gateway.id = one.id AND noting_generation = one.generation
"""


def work(pk: int) -> None:
    """Go on with it for a while, unless somebody else does; safe to run twice."""
    until = time.monotonic() + SLICE_SECONDS
    while _some(pk):
        if time.monotonic() > until:
            bookkeeping.enqueue_noting(pk)
            return


def going(environment: Environment) -> list[BroughtToMany]:
    """What is still to be noted there, for pages: without of which APIs."""
    return list(BroughtToMany.objects.filter(environment=environment).defer("left").select_related("entry"))


def tend() -> None:
    """Go on with what a worker left."""
    for pk in BroughtToMany.objects.values_list("pk", flat=True)[:MOST_TENDED]:
        bookkeeping.enqueue_noting(pk)


@transaction.atomic
def _some(pk: int) -> bool:
    """What is noted of some gateways' APIs is one transaction with that it is. Whether there is more."""
    row = BroughtToMany.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
    if row is None:
        return False
    taken = row.take(GATEWAYS_AT_ONCE)
    known = set(bookkeeping.locked_gateways([UUID(one) for one in taken]))
    _note(row, {one: told for text, told in taken.items() if (one := UUID(text)) in known})
    if row.left:
        row.save(update_fields=["left", "noted_count"])
    else:
        row.delete()
    for gateway in known:
        transaction.on_commit(partial(bookkeeping.enqueue, gateway))
    return bool(row.left)


def _note(row: BroughtToMany, taken: Mapping[UUID, Any]) -> None:
    each = [(api, gateway, told[0]) for gateway, told in taken.items() for api in told[1]]
    values: dict[str, Any] = {
        "at": row.at,
        "entry": row.entry_id,
        "apis": [api for api, _, _ in each],
        "gateways": [gateway for _, gateway, _ in each],
        "generations": [generation for _, _, generation in each],
        "ids": list(taken),
        "raised": [generation for generation, _ in taken.values()],
    }
    with connection.cursor() as cursor:
        for sql in (_BROUGHT, _APIS, _GATEWAYS):
            cursor.execute(sql, values)
