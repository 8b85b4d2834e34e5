"""Brings a gateway's contracts to it: they are no part of its snapshot, and wait for none.

A gateway's book has a line for each contract. A line is made anew when the contract's mark has changed, else
had again from memory: of 10,000 one changes most often. A push sends what changed (`book_changes`), and all
where that cannot be told.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import orjson
from django.db.models import F
from redis import RedisError

from apis import resource_names
from apis.contracts.models import ClientSecret, Contract, ContractQuerySet
from apis.deployment import book_changes
from apis.deployment.alone import BOOKS, alone
from apis.deployment.snapshot_cache import Key, SnapshotCache
from console.compiled import CompiledQuery
from gateways.agents import outbox
from gateways.models import Book, Gateway
from gateways.protocol import book as wire
from gateways.protocol.resources import API_VERSION, APPLICATION_LABEL, MOST_SECRETS

logger = logging.getLogger(__name__)
MOST_LINES = 200_000
"""How many are kept; each has less than a kilobyte."""

_lines = SnapshotCache(MOST_LINES)
_BOOK = CompiledQuery(lambda gateway: Book.objects.order_by().filter(pk=gateway), gateway=uuid4())
_APPROVED = CompiledQuery(
    lambda gateway: (
        Contract.objects.filter(api__gateway=gateway, status=Contract.Status.APPROVED)
        .order_by("pk")
        .values_list("pk", "mark")
    ),
    gateway=uuid4(),
)


@dataclass(frozen=True)
class Built:
    """`body` is a book as `gateways.protocol.book` has it, of `count` contracts."""

    generation: int
    digest: str
    count: int
    body: bytes


def push(gateway_id: UUID | str) -> None:
    """Send the gateway's newest contracts down its streams; safe to run twice. Whoever finds somebody else at
    it leaves at once, because that one looks again.

    Where changes alone were sent, the digest of all contracts is noted after that: it takes longer, and only
    heartbeats ask for it.
    """
    unbuilt = None
    while (gateway := _needing(gateway_id)) is not None:
        with alone(BOOKS, gateway.pk.int) as is_ours:
            if not is_ours:
                break
            try:
                generation = _send_changes(gateway)
                unbuilt = gateway if generation else None
                generation = generation or _send_all(gateway)
            except RedisError as error:
                generation = build(gateway).generation
                logger.warning(
                    "gateway=%s contracts=%d sent=false reason=%r", gateway, generation, str(error)
                )
            Book.objects.filter(pk=gateway.pk).update(pushed_generation=generation)
    if unbuilt:
        build(unbuilt)


def refresh(gateway: Gateway) -> None:
    """Push them if an API came to the gateway or went, with its contracts."""
    if build(gateway).generation:
        push(gateway.pk)


def build(gateway: Gateway) -> Built:
    """The newest book, noted with its digest.

    The generation is read first: what is committed after that is in the book already, and again in the next.
    """
    row = _BOOK.first(gateway=gateway.pk)
    lines = _texts(gateway)
    if row is None and not lines:
        head, body = wire.written(str(gateway.pk), 0, [])
        return Built(0, head.digest, 0, body)
    row = row or Book.objects.get_or_create(gateway=gateway)[0]
    head, body = wire.written(str(gateway.pk), row.generation, lines)
    own = Book.objects.filter(pk=row.pk)
    if row.built_generation == row.generation and head.digest != row.digest:
        # An API came or went with its contracts: those themselves are as they were.
        own.filter(generation=row.generation).update(generation=F("generation") + 1)
        row.refresh_from_db()
        head, body = wire.written(str(gateway.pk), row.generation, lines)
    if (row.built_generation, row.digest) != (head.generation, head.digest):
        newest = own.filter(built_generation__lte=head.generation)
        newest.update(built_generation=head.generation, digest=head.digest)
    return Built(head.generation, head.digest, len(lines), body)


def documents(contracts: ContractQuerySet) -> dict[int, dict[str, Any]]:
    """The Contract resources of these, by their ids."""
    rows = list(contracts.order_by().values_list(*_USED))
    secrets = _secrets({row[_USED.index("application")] for row in rows})
    found = {}
    for row in rows:
        told = dict(zip(_USED, row, strict=True))
        found[told["pk"]] = _document(told, secrets[told["application"]])
    return found


_USED = (
    *("pk", "api", "api__environment", "expires_at", "tier", "tier__limits", "application"),
    *("application__client_id", "application__name", "application__expires_at"),
)


def _needing(gateway_id: UUID | str) -> Gateway | None:
    """The gateway, when it exists and has contracts that were not pushed yet."""
    unpushed = Gateway.objects.filter(book__generation__gt=F("book__pushed_generation"), is_revoked=False)
    return unpushed.filter(pk=gateway_id).first()


def _send_changes(gateway: Gateway) -> int | None:
    """Which generation what changed brings, sent alone; None where all have to be sent. Raises RedisError."""
    now = book_changes.marks(gateway)
    changes = book_changes.since_base(gateway, now) if now else None
    if now is None or changes is None:
        return None
    lines = _lines_of({pk: (pk, now.of[pk]) for pk in changes.changed})
    head = wire.ChangesHead(
        gateway=str(gateway.pk),
        since=changes.since,
        generation=now.generation,
        gone=tuple(map(resource_names.of_contract, changes.gone)),
        names=wire.digest_of(map(resource_names.of_contract, now.of)),
    )
    outbox.send_changes(gateway, wire.written_changes(head, lines))
    if len(changes) > book_changes.MANY:
        book_changes.keep(gateway, now)
    logger.info("pushed gateway=%s contracts=%d changes=%d", gateway.pk, now.generation, len(changes))
    return now.generation


def _send_all(gateway: Gateway) -> int:
    """The same of all; the next changes begin with these. Raises RedisError."""
    base = book_changes.marks(gateway)
    made = build(gateway)
    outbox.send_book(gateway, made.body)
    if base:
        book_changes.keep(gateway, base)
    told = gateway.pk, made.generation, made.count, len(made.body)
    logger.info("pushed gateway=%s contracts=%d count=%d bytes=%d", *told)
    return made.generation


def _texts(gateway: Gateway) -> list[bytes]:
    """A line for each approved contract, whether it has ended or not, in the order of their ids."""
    return _lines_of({row[0]: row for row in _APPROVED(gateway=gateway.pk)})


def _lines_of(keys: Mapping[int, Key]) -> list[bytes]:
    """Of these contracts, whose ids and marks they are, in that order."""
    known = _lines.recall(keys.values())
    if missing := [pk for pk, key in keys.items() if key not in known]:
        told = documents(Contract.objects.filter(pk__in=missing))
        made = {keys[pk]: orjson.dumps(one) for pk, one in told.items()}
        _lines.keep(made)
        known |= made
    return [known[key] for key in keys.values() if key in known]


def _secrets(applications: Collection[int]) -> Mapping[int, list[tuple[str, datetime | None]]]:
    """Of each application its newest secrets, as digests and when they end."""
    found: dict[int, list[tuple[str, datetime | None]]] = defaultdict(list)
    rows = ClientSecret.objects.filter(application__in=applications).order_by("-created_at", "-id")
    for application, digest, ends in rows.values_list("application", "digest", "expires_at"):
        if len(found[application]) < MOST_SECRETS:
            found[application].append((digest, ends))
    return found


def _document(told: Mapping[str, Any], secrets: Iterable[tuple[str, datetime | None]]) -> dict[str, Any]:
    digests = [{"sha256": digest} | ({"expiresAt": ends} if ends else {}) for digest, ends in secrets]
    names = {"id": told["application__client_id"], "name": told["application__name"]}
    client = names | {"secretDigests": digests}
    spec: dict[str, Any] = {"apiId": resource_names.of_api(told["api"]), "client": client}
    if told["tier"]:
        spec["sla"] = {"limits": told["tier__limits"]}
    if ends := min(filter(None, (told["expires_at"], told["application__expires_at"])), default=None):
        spec["expiresAt"] = ends
    namespace = str(told["api__environment"])
    name, label = resource_names.of_contract(told["pk"]), resource_names.of_application(told["application"])
    return {
        "apiVersion": API_VERSION,
        "kind": "Contract",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {APPLICATION_LABEL: label},
        },
        "spec": spec,
    }
