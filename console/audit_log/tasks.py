"""What the workers do for the audit log."""

from celery import shared_task

from console.audit_log import retention


@shared_task
def forget() -> None:
    """Delete entries that are older than they are kept."""
    retention.forget()
