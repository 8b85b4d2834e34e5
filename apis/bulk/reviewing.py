"""What is looked at before many APIs are deployed where changes are reviewed."""

from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet

from apis.bulk.models import BulkChange
from apis.models import ApiInstance

MOST = 100
"""APIs that one person looks at together."""


def is_reviewed(change: BulkChange) -> bool:
    return change.action == BulkChange.Action.DEPLOY and not change.environment.deploys_on_save


def check(change: BulkChange) -> None:
    """Raises ValidationError where they are more than can be looked at."""
    if waiting(change).count() > MOST:
        text = f"In {change.environment} changes are reviewed before they are deployed, {MOST} APIs at most."
        raise ValidationError({"": [f"{text} Choose fewer."]})


def waiting(change: BulkChange) -> QuerySet[ApiInstance]:
    """Those of which something is to be deployed."""
    found = ApiInstance.objects.filter(environment=change.environment, pk__in=change.items.values("api_key"))
    waits = Q(is_deployed=False) | Q(pending_since__isnull=False)
    named = ("asset", "gateway", "environment__organization", "revision")
    return found.filter(waits).select_related(*named).order_by("pk")
