"""What the workers do for API Manager."""

from celery import shared_task

from apis import deploy, ledger


@shared_task
def push_gateway(gateway_id: str) -> None:
    """Send the gateway's newest generation down its streams; safe to run twice."""
    if pause := deploy.push(gateway_id):
        ledger.enqueue_later(gateway_id, pause)
