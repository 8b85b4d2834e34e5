"""What the workers do for API Manager."""

from celery import shared_task

from apis import deploy
from apis.models import WizardDraft


@shared_task
def push_gateway(gateway_id: str) -> None:
    """Bring every live replica of the gateway to its newest snapshot; safe to run twice."""
    deploy.push(gateway_id)


@shared_task
def push_behind() -> None:
    """Push again where a reachable replica did not answer: the enqueued push may have been lost."""
    for gateway_id in deploy.behind():
        deploy.push(gateway_id)


@shared_task
def forget_drafts() -> None:
    """Delete what was begun in the wizard and not touched for its lifetime."""
    WizardDraft.objects.expired().delete()
