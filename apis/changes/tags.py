"""The tags of an API, changed one by one. Gateways are told where automated policies ask for them alone."""

from collections.abc import Callable, Iterable, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from apis.changes import bookkeeping
from apis.changes.covered import followed
from apis.models import ApiInstance
from apis.rules.tags import MOST, faults
from console.models import AuditEntry, User


def add_tags(actor: User, api: ApiInstance, tags: Sequence[str]) -> bool:
    """Whether any of them is new to the API."""
    return _change(actor, api, lambda had: [*had, *dict.fromkeys(tag for tag in tags if tag not in had)])


def remove_tags(actor: User, api: ApiInstance, tags: Sequence[str]) -> bool:
    """Whether the API had any of them."""
    return _change(actor, api, lambda had: [tag for tag in had if tag not in tags])


def check(tags: Iterable[str]) -> None:
    """Raises ValidationError at "tags"."""
    if found := list(faults(tags)):
        raise ValidationError({"tags": found[:1]})


@transaction.atomic
def _change(actor: User, api: ApiInstance, changed: Callable[[list[str]], list[str]]) -> bool:
    bookkeeping.lock(api.gateway, api=api)
    before = list(api.tags)
    after = changed(before)
    if after == before:
        return False
    check(tag for tag in after if tag not in before)
    if len(after) > MOST:
        raise ValidationError({"tags": [f"{len(after)} tags; at most {MOST} are allowed."]})
    api.tags = after
    with followed(api.environment, ApiInstance.objects.filter(pk=api.pk)):
        api.save(update_fields=["tags", "updated_at"])
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before={"tags": before}, after={"tags": after})
    return True
