"""What the audit log holds."""

from console.models import AuditEntry


def entries(**facts: str) -> list[tuple[str, str, str]]:
    found = AuditEntry.objects.filter(**facts).order_by("id")
    return [(entry.actor_name, entry.action, entry.object_type) for entry in found]
