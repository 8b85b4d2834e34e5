"""Takes OpenAPI documents in, and has each read: stored at once, read later by a worker's own process.

No page and no request waits for a document, and what one organization uploads keeps nobody else's waiting:
one document of each tenant is read at a time, and few may be in line.
"""

import logging
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from apis.documents.openapi import process
from apis.documents.openapi.fault import shortened
from apis.documents.specification import STALE, Operation, Specification
from console import background, turns
from console.models import Organization, User

logger = logging.getLogger(__name__)

MOST_UNREAD = 4
MOST_UNUSED = 40
"""Of a tenant: documents that are waiting or being read; of an organization: documents that no API has."""
KEEP_UNUSED = timedelta(days=14)
MOST_ATTEMPTS = 3
NOT_OPENAPI = "not an OpenAPI document that can be taken"


def upload(actor: User, organization: Organization, file: UploadedFile) -> Specification:
    """Keep the file and have it read. Raises ValidationError for one that is no text, or too much."""
    megabytes = settings.UPLOAD_MAX_BYTES // 1024 // 1024
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise ValidationError(f"{file.name}: the file is larger than {megabytes} MB.")
    try:
        text = bytes(file.read()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValidationError(f"{file.name}: {NOT_OPENAPI}: it is not text in UTF-8.") from error
    if "\0" in text:
        raise ValidationError(f"{file.name}: {NOT_OPENAPI}: it holds a NUL character.")
    return keep(actor, organization, shortened(str(file.name), 255), text)


@transaction.atomic
def keep(actor: User, organization: Organization, name: str, text: str) -> Specification:
    turns.lock(organization)
    organization.lock()
    unread = Specification.objects.filter(organization__in=turns.together(organization)).unread()
    if unread.count() >= MOST_UNREAD:
        whose = str(organization) if organization.parent_id is None else f"{organization}'s tenant"
        message = f"{MOST_UNREAD} documents of {whose} are being read; upload yours when they are done."
        raise ValidationError(ValidationError(message, code="busy"))
    unused = organization.specifications.unused().order_by("-created_at")
    organization.specifications.filter(
        pk__in=list(unused.values_list("pk", flat=True)[MOST_UNUSED - 1 :])
    ).delete()
    made = Specification.objects.create(
        organization=organization, name=name, text=text, size=len(text.encode()), created_by=actor
    )
    transaction.on_commit(partial(enqueue, made.pk))
    return made


@transaction.atomic
def in_organization(actor: User, document: Specification, organization: Organization) -> Specification:
    """The document itself where it is the organization's, else one like it that is: an organization has its
    own, and goes on without whoever had it first.
    """
    if document.organization_id == organization.pk:
        return document
    names = ("name", "text", "size", "state", "fault", "line", "column", "title", "version", "openapi")
    read = (*names, "servers", "remarks", "operation_count", "started_at", "finished_at")
    told = {name: getattr(document, name) for name in read}
    made = Specification.objects.create(organization=organization, created_by=actor, **told)
    rows = list(document.operations.all())
    for row in rows:
        row.pk, row.specification = None, made
    Operation.objects.bulk_create(rows, batch_size=1000)
    return made


def enqueue(specification_id: UUID) -> None:
    """A broker that is away loses nothing: `tend` finds what waits."""
    from apis.tasks import read_document

    if not background.is_valkey_up():
        logger.warning(
            "document was not enqueued document=%s error=%r", specification_id, "Valkey does not answer"
        )
        return
    try:
        read_document.apply_async(args=(str(specification_id),), retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("document was not enqueued document=%s error=%r", specification_id, error)


def read(specification_id: UUID | str) -> None:
    """Read the document if it waits and nobody reads another of its tenant; safe to run twice."""
    waiting = Specification.objects.select_related("organization").filter(
        pk=specification_id, state=Specification.State.WAITING
    )
    document = waiting.first()
    if document is None:
        return
    # Where there is no turn, `tend` has it read later.
    with turns.turn(document.organization.root_id, "documents") as has_turn:
        claimed = _claimed(document) if has_turn else None
        if claimed:
            _read(claimed)
    if claimed:
        _next(claimed.organization)


def _read(claimed: Specification) -> None:
    mine = Specification.objects.filter(
        pk=claimed.pk, state=Specification.State.READING, started_at=claimed.started_at
    )
    try:
        found = process.read(claimed.text, is_wanted=mine.exists)
    except process.Unwanted:
        found = None
    if found is not None:
        _save(mine, found)


def cancel(document: Specification) -> None:
    """Forget one that is waiting or being read, which ends who reads it."""
    Specification.objects.unread().unused().filter(pk=document.pk).delete()


def tend() -> None:
    """Have read what waits, also where its reader died; forget what no API has and nobody needs."""
    now = timezone.now()
    dead = Specification.objects.filter(state=Specification.State.READING, started_at__lt=now - STALE)
    dead.filter(attempts__gte=MOST_ATTEMPTS).update(
        state=Specification.State.REFUSED, fault="whoever reads it ends; it cannot be read", finished_at=now
    )
    dead.update(state=Specification.State.WAITING)
    waiting = Organization.objects.filter(specifications__state=Specification.State.WAITING)
    for organization in {one.root_id: one for one in waiting.distinct()}.values():
        _next(organization)
    Specification.objects.unused().filter(created_at__lt=now - KEEP_UNUSED).delete()


@transaction.atomic
def _claimed(document: Specification) -> Specification | None:
    turns.lock(document.organization)
    if (
        Specification.objects.filter(organization__in=turns.together(document.organization))
        .being_read()
        .exists()
    ):
        return None
    started_at = timezone.now()
    waiting = Specification.objects.filter(pk=document.pk, state=Specification.State.WAITING)
    if not waiting.update(
        state=Specification.State.READING, started_at=started_at, attempts=document.attempts + 1
    ):
        return None
    document.started_at = started_at
    return document


@transaction.atomic
def _save(mine: Any, found: dict[str, Any]) -> None:
    document = mine.select_for_update().first()
    if document is None:
        return
    fault = found.get("fault")
    document.finished_at = timezone.now()
    document.operations.all().delete()
    if fault:
        document.state, document.fault = (
            Specification.State.REFUSED,
            f"{NOT_OPENAPI}: {fault['message']}"[:600],
        )
        document.line, document.column = fault.get("line"), fault.get("column")
    else:
        document.state, document.fault = Specification.State.ACCEPTED, ""
        for name in ("title", "version", "openapi", "servers", "remarks"):
            setattr(document, name, found[name])
        document.operation_count = len(found["operations"])
        Operation.objects.bulk_create(
            (_operation(document, at, one) for at, one in enumerate(found["operations"])), batch_size=1000
        )
    document.save()


def _operation(document: Specification, position: int, told: dict[str, Any]) -> Operation:
    return Operation(
        specification=document,
        position=position,
        method=told["method"],
        path=told["path"],
        summary=told["summary"],
        operation_id=told["operation_id"],
        tags=", ".join(told["tags"])[:400],
        is_deprecated=told["is_deprecated"],
        content=told["content"],
    )


def _next(organization: Organization) -> None:
    """The one of its tenant that has waited for longest."""
    waiting = Specification.objects.filter(
        organization__in=turns.together(organization), state=Specification.State.WAITING
    )
    if first := waiting.order_by("created_at").values_list("pk", flat=True).first():
        enqueue(first)
