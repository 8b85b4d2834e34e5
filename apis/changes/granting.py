"""Has gateways told that their contracts have changed. These are no part of revisions: they act at once.

A gateway's book has a row of its own, which is locked after all else: a change of contracts waits for no
snapshot, and no snapshot for it.
"""

import logging
from collections.abc import Iterable
from functools import partial
from uuid import UUID

from django.db import connection, transaction

from apis.contracts.models import Application, Contract
from apis.models import ApiInstance

logger = logging.getLogger(__name__)

_RAISE = """
    INSERT INTO contracts_book (gateway_id, generation, built_generation, pushed_generation, digest)
    SELECT id, 1, 0, 0, '' FROM gateways_gateway WHERE id = ANY(%s) ORDER BY id
    ON CONFLICT (gateway_id) DO UPDATE SET generation = contracts_book.generation + 1
    RETURNING gateway_id
"""


def changed(apis: Iterable[ApiInstance]) -> None:
    """Of these APIs. Call it inside the change's transaction, when all rows are saved."""
    _raise({api.gateway_id for api in apis if api.gateway_id})


def changed_of(application: Application) -> None:
    """The same for what all contracts of an application have of it."""
    approved = Contract.objects.filter(application=application, status=Contract.Status.APPROVED)
    _raise(set(approved.order_by().exclude(api__gateway=None).values_list("api__gateway", flat=True)))


def _raise(gateways: set[UUID]) -> None:
    if not gateways:
        return
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [list(gateways)])
        raised = [gateway for (gateway,) in cursor.fetchall()]
    for gateway in raised:
        transaction.on_commit(partial(_enqueue, gateway))


def _enqueue(gateway: UUID) -> None:
    logger.debug("contracts changed gateway=%s", gateway)
