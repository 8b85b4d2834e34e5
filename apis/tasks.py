"""What the workers do for API Manager."""

from celery import shared_task

from apis.bulk import promoting, running
from apis.certifying import acme
from apis.changes import authorities, bookkeeping, noting
from apis.copying import jobs as copying
from apis.deployment import books, push
from apis.documents import reading
from apis.promotions import importing
from apis.revisions import collect
from apis.testing import jobs, runs
from apis.wizard_draft import WizardDraft
from gateways import rehearsing


@shared_task
def push_gateway(gateway_id: str) -> None:
    """Send the gateway's newest generation down its streams; safe to run twice."""
    if pause := push.push(gateway_id):
        bookkeeping.enqueue_later(gateway_id, pause)


@shared_task
def note_brought(pk: int) -> None:
    """Note some of what a change brought to very many APIs; safe to run twice."""
    noting.work(pk)


@shared_task
def tend_notes() -> None:
    """Go on with what was left to be noted."""
    noting.tend()


@shared_task
def push_contracts(gateway_id: str) -> None:
    """Send the gateway's newest contracts down its streams; safe to run twice."""
    books.push(gateway_id)


@shared_task
def copy_many(key: str) -> None:
    """Make the copies of an API that somebody waits for; safe to run twice."""
    copying.work(key)


@shared_task
def ask_acme() -> None:
    """Obtain and renew certificates from ACME CAs; safe to run twice."""
    acme.work()


@shared_task
def renew_certificates() -> None:
    """Renew what the private CAs have issued and is due; safe to run twice."""
    authorities.renew_due()


@shared_task
def forget_drafts() -> None:
    """Delete what was begun in the wizard and not touched for its lifetime."""
    WizardDraft.objects.expired().delete()


@shared_task
def tend_revisions() -> None:
    """Make those that are missing, and forget those that nobody will go back to."""
    collect.tend()


@shared_task
def read_document(specification_id: str) -> None:
    """Have the OpenAPI document read, by a process of its own; safe to run twice."""
    reading.read(specification_id)


@shared_task
def tend_documents() -> None:
    """Go on with what was left unread, and forget what nobody needs."""
    reading.tend()


@shared_task
def read_import(upload_id: str) -> None:
    """Have the file of APIs read, by a process of its own; safe to run twice."""
    importing.read(upload_id)


@shared_task
def tend_imports() -> None:
    """Go on with what was left unread, and forget what nobody imported."""
    importing.tend()


@shared_task
def rehearse(key: str) -> None:
    """Try what somebody waits for on a page; safe to run twice."""
    jobs.work(key)


@shared_task
def prepare_rehearsal() -> None:
    """Have a process stand ready for the next one."""
    rehearsing.prepare()


@shared_task
def run_tests(api_id: int, token: str) -> None:
    """Run the API's tests; safe to run twice."""
    runs.work(api_id, token)


@shared_task
def work_on_bulk_change(change_id: str) -> None:
    """Do some of a bulk change; safe to run twice."""
    running.work(change_id)


@shared_task
def look_at_promotions(change_id: str) -> None:
    """Look at some of the APIs that are to be promoted at once; safe to run twice."""
    promoting.look(change_id, running.begin_by_itself)


@shared_task
def tend_bulk_changes() -> None:
    """Go on with those that were left, and forget old ones."""
    running.tend()
