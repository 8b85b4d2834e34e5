"""Since when an application has its name, by which its calls were counted before they had a label."""

from datetime import UTC, datetime

from apis.contracts.models import Application
from console import audit
from console.models import AuditEntry

ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def since(application: Application) -> datetime:
    """Calls from before are another application's, which had the name then. ALWAYS where none had it."""
    others = AuditEntry.objects.filter(
        organization=application.organization_id, object_type="application", object_name=application.name
    )
    if not others.exclude(object_id=str(application.pk)).exists():
        return ALWAYS
    renamed = audit.history(application).filter(action=AuditEntry.Action.UPDATE, diff__has_key="name")
    last = renamed.values_list("at", flat=True).first()
    return max(last, application.created_at) if last else application.created_at
