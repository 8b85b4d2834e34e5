"""Has gateways told that their contracts have changed. These are no part of revisions: they act at once.

A gateway's book has a row of its own, which is locked after all else: a change of contracts waits for no
snapshot, and no snapshot for it.
"""

import logging
from collections.abc import Collection
from functools import partial
from uuid import UUID

from django.db import connection, transaction
from kombu.exceptions import OperationalError

from apis.contracts.models import Contract, ContractQuerySet, new_mark
from console import background

BATCH = 500
AT_ONCE = 3
"""Gateways that whoever made the change pushes to: a revocation waits for no worker. Others wait for one."""

logger = logging.getLogger(__name__)

_RAISE = """
    INSERT INTO gateways_book (gateway_id, generation, built_generation, pushed_generation, digest)
    SELECT id, 1, 0, 0, '' FROM gateways_gateway WHERE id = ANY(%s) ORDER BY id
    ON CONFLICT (gateway_id) DO UPDATE SET generation = gateways_book.generation + 1
"""


def changed(*contracts: Contract) -> None:
    """These, which are locked. Call it inside the change's transaction; saves their marks."""
    for contract in contracts:
        contract.mark = new_mark()
    Contract.objects.bulk_update(contracts, ["mark"], batch_size=BATCH)
    _raise({contract.api.gateway_id for contract in contracts})


def changed_all(contracts: ContractQuerySet) -> None:
    """All of these that let somebody pass, for what they have of a tier or an application. Contracts are
    locked in one order, whoever locks several.
    """
    approved = contracts.filter(status=Contract.Status.APPROVED).order_by("pk")
    found = list(approved.select_for_update(no_key=True, of=("self",)).values_list("pk", "api__gateway"))
    Contract.objects.filter(pk__in=[pk for pk, _ in found]).update(mark=new_mark())
    _raise({gateway for _, gateway in found})


def _raise(ids: Collection[UUID | None]) -> None:
    gateways = [gateway for gateway in ids if gateway]
    if not gateways:
        return
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [gateways])
    transaction.on_commit(partial(_push, gateways), robust=True)


def _push(gateways: Collection[UUID]) -> None:
    """A Valkey that is away costs no saved change: heartbeats heal a missed push."""
    from apis.tasks import push_contracts

    if not background.is_valkey_up():
        logger.warning(
            "contracts were not pushed gateways=%d error=%r", len(gateways), "Valkey does not answer"
        )
        return
    for number, gateway in enumerate(gateways):
        if number < AT_ONCE:
            push_contracts(str(gateway))
            continue
        try:
            push_contracts.apply_async(args=(str(gateway),), retry=False)
        except (OperationalError, OSError) as error:
            logger.warning("contracts were not enqueued gateway=%s error=%r", gateway, error)
