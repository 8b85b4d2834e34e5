"""For how long audit entries are kept: by the console's setting, or as an administrator chose."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from console import audit
from console.audit_log.models import Retention
from console.granting import require_administrator
from console.models import AuditEntry, AuditEntryQuerySet, Organization, User

GRACE = timedelta(days=7)
"""Before a new period counts: a mistake costs no entry at once."""
AT_ONCE = 5000


def days_of(organization: Organization) -> int:
    """In force for the organization and all below its root."""
    chosen = _in_force(organization.root_id)
    return chosen.days if chosen else settings.AUDIT_KEEP_DAYS


@transaction.atomic
def choose(
    actor: User, organization: Organization, days: int, effective_from: datetime | None = None
) -> Retention:
    """Audited. Raises PermissionDenied, and ValidationError for a business group or a time too early."""
    require_administrator(actor, organization)
    if organization.parent_id:
        raise ValidationError({"days": "A business group's entries are kept as long as its organization's."})
    organization.lock()
    earliest = timezone.now() + GRACE
    if effective_from is not None and effective_from < earliest:
        raise ValidationError({"effective_from": "Choose a time at least 7 days from now."})
    before = days_of(organization)
    row = Retention(organization=organization, days=days, effective_from=effective_from or earliest)
    row.full_clean()
    Retention.objects.filter(organization=organization, effective_from__gt=timezone.now()).delete()
    row.save()
    audit.record(
        actor,
        AuditEntry.Action.UPDATE,
        organization,
        organization=organization,
        before={"audit_kept_days": before},
        after={"audit_kept_days": days, "from": row.effective_from.date().isoformat()},
    )
    return row


def forget() -> None:
    """Delete what is older than it is kept."""
    now = timezone.now()
    roots = (
        Retention.objects.filter(effective_from__lte=now).order_by().values_list("organization", flat=True)
    )
    own = list(Organization.objects.filter(pk__in=set(roots)))
    for root in own:
        below = Organization.objects.filter(path__startswith=root.path)
        rows = AuditEntry.objects.filter(organization__in=list(below.values_list("pk", flat=True)))
        _delete(rows.filter(at__lt=now - timedelta(days=days_of(root))))
    others = AuditEntry.objects.filter(at__lt=now - timedelta(days=settings.AUDIT_KEEP_DAYS))
    for root in own:
        others = others.exclude(organization__path__startswith=root.path)
    _delete(others)


def _in_force(root_id: UUID) -> Retention | None:
    return Retention.objects.filter(organization=root_id, effective_from__lte=timezone.now()).first()


def _delete(rows: AuditEntryQuerySet) -> None:
    """In transactions that hold few rows."""
    while AuditEntry.objects.filter(
        pk__in=list(rows.order_by().values_list("pk", flat=True)[:AT_ONCE])
    ).delete()[0]:
        pass
