"""Since when an application has its name, by which its calls are counted."""

from datetime import datetime

from apis.contracts.models import Application
from console import audit
from console.models import AuditEntry


def since(application: Application) -> datetime:
    """Calls from before may be another application's, which had the name then."""
    renamed = audit.history(application).filter(action=AuditEntry.Action.UPDATE, diff__has_key="name")
    last = renamed.values_list("at", flat=True).first()
    return max(last, application.created_at) if last else application.created_at
