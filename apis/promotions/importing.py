"""Files of APIs: taken in, read by a worker, then made of them what somebody chose, one API after another."""

import logging
from functools import partial
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from apis.assets.models import Asset
from apis.documents import reading as documents
from apis.documents.specification import Specification
from apis.models import ApiInstance
from apis.portable import reading
from apis.portable.making import MadeApi
from apis.portable.shape import Portable
from apis.portable.wanted import PARTS, WantedApi, asset_of
from apis.promotions import promoting
from apis.promotions.choices import Choices, as_chosen, gateway_of
from apis.promotions.models import Upload
from console import background, turns
from console.models import Environment, User

logger = logging.getLogger(__name__)

MOST_UNREAD, MOST_KEPT = 4, 20
"""Of a user in an environment."""
NOT_READ = "It is still being read; wait until it is."
DONE = "It was imported already, as API {}."
BROKEN = "whoever read it ended; import it once more"
State = Upload.State


def upload(actor: User, environment: Environment, file: UploadedFile) -> Upload:
    """Keep the file and have it read. Raises ValidationError for one that is no text, or too much."""
    megabytes = settings.UPLOAD_MAX_BYTES // 1024 // 1024
    if (file.size or 0) > settings.UPLOAD_MAX_BYTES:
        raise ValidationError(f"{file.name}: the file is larger than {megabytes} MB.")
    try:
        text = bytes(file.read()).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError(f"{file.name}: it is not text in UTF-8.") from None
    if "\0" in text:
        raise ValidationError(f"{file.name}: it holds a NUL character.")
    return _kept(actor, environment, str(file.name)[:255], text)


@transaction.atomic
def _kept(actor: User, environment: Environment, name: str, text: str) -> Upload:
    environment.lock()
    mine = Upload.objects.filter(by=actor, environment=environment)
    if mine.filter(state__in=(State.WAITING, State.READING)).count() >= MOST_UNREAD:
        message = f"{MOST_UNREAD} of your files are being read; import this one when they are done."
        raise ValidationError(ValidationError(message, code="busy"))
    mine.filter(pk__in=list(mine.values_list("pk", flat=True)[MOST_KEPT - 1 :])).delete()
    made = Upload.objects.create(
        by=actor, environment=environment, name=name, text=text, size=len(text.encode())
    )
    transaction.on_commit(partial(enqueue, made.pk))
    return made


def enqueue(pk: UUID) -> None:
    """A broker that is away loses nothing: `tend` finds what waits."""
    from apis.tasks import read_import

    if not background.is_valkey_up():
        logger.warning("an import was not enqueued import=%s", pk)
        return
    try:
        read_import.apply_async(args=(str(pk),), retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("an import was not enqueued import=%s error=%r", pk, error)


def read(pk: UUID | str) -> None:
    """Read the file if it waits; safe to run twice."""
    rows = Upload.objects.select_related("environment__organization", "by")
    row = rows.filter(pk=pk, state=State.WAITING).first()
    if row is None:
        return
    # Where there is no turn, `tend` has it read later.
    with turns.turn(row.environment.organization.root_id, "imports") as has_turn:
        if has_turn:
            _read(row)


def _read(row: Upload) -> None:
    waiting = Upload.objects.filter(pk=row.pk, state=State.WAITING)
    if not waiting.update(state=State.READING, started_at=timezone.now()):
        return
    row.refresh_from_db(fields=["state", "started_at"])
    apis, faults = reading.read(row.text)
    kept: dict[str, str] = {}
    if not faults:
        kept = _documents(row, apis)
    row.text, row.apis = "", [one.plain for one in apis]
    row.faults, row.documents = [list(one) for one in faults], kept
    row.state = State.REFUSED if faults else State.READ
    row.save()


def tend() -> None:
    """Have read what waits, end what nobody reads any more, forget what is old."""
    now = timezone.now()
    for pk in Upload.objects.filter(state=State.WAITING).values_list("pk", flat=True)[:20]:
        enqueue(pk)
    lost = Upload.objects.filter(state=State.READING, started_at__lt=now - Upload.WORKED)
    lost.update(state=State.REFUSED, faults=[[1, BROKEN]], text="")
    Upload.objects.filter(created_at__lt=now - Upload.KEEP).delete()


def apis_of(row: Upload) -> list[Portable]:
    return [Portable.model_validate(one) for one in row.apis]


def counterpart(environment: Environment, whole: Portable) -> ApiInstance | None:
    """The API of the environment that has the asset id and the label of the file's."""
    rows = ApiInstance.objects.filter(
        environment=environment, asset__asset_id=whole.asset.asset_id, label=whole.label
    )
    named = ("asset__organization", "asset__specification", "gateway", "tls_context")
    return rows.select_related(*named, "environment__organization").first()


def proposed(environment: Environment, whole: Portable, there: ApiInstance | None) -> Choices:
    """As the file says it; on the gateway that it has, or the one that there is."""
    return Choices(
        environment,
        there,
        there.gateway if there else gateway_of(environment, None),
        whole.protocol,
        whole.port,
        whole.base_path,
        whole.tls_context,
        whole.label,
        whole.consumer_endpoint,
        {one.key: one.uri for one in whole.upstreams},
        {one.key: one.tls_context for one in whole.upstreams},
        {route.host: route.host for route in whole.routes if route.host},
        {one.reference: one.reference for one in whole.shared_secrets},
        parts=frozenset(PARTS) - set(whole.without),
    )


def wanted(row: Upload, at: int, choices: Choices) -> WantedApi:
    """Raises ValidationError where the file is not read, or its document."""
    if row.state != State.READ:
        raise ValidationError({"": [ValidationError(NOT_READ, code="conflict")]})
    whole = apis_of(row)[at]
    key = row.documents.get(str(at))
    specification = Specification.objects.filter(pk=key).first() if key else None
    return WantedApi(
        choices.environment,
        as_chosen(whole, choices, choices.parts),
        choices.gateway,
        specification,
        choices.parts,
        f"the file {row.name}",
        choices.sent_to,
    )


@transaction.atomic
def take(user: User, row: Upload, at: int, choices: Choices, *, deploy: bool = False) -> MadeApi:
    """Make it, or bring the counterpart up to date; once of each API of the file."""
    locked = Upload.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if known := locked.done.get(str(at)):
        raise ValidationError({"": [ValidationError(DONE.format(known), code="conflict")]})
    made = promoting.put(user, wanted(locked, at, choices), choices.counterpart, deploy=deploy)
    locked.done = {**locked.done, str(at): made.api.pk}
    locked.save(update_fields=["done"])
    row.done = locked.done
    return made


def _documents(row: Upload, apis: list[Portable]) -> dict[str, str]:
    """The documents of assets that are not there yet, read at once where no other is being read."""
    found = {}
    organization = row.environment.organization
    for at, whole in enumerate(apis):
        if whole.document is None or isinstance(asset_of(WantedApi(row.environment, whole)), Asset):
            continue
        try:
            made = documents.keep(row.by, organization, whole.document.name, whole.document.text)
        except ValidationError:
            continue
        documents.read(made.pk)
        found[str(at)] = str(made.pk)
    return found
