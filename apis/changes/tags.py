"""The tags of an API, changed one by one. Gateways are told where automated policies ask for them alone."""

from collections.abc import Callable, Iterable, Sequence
from unicodedata import category

from django.core.exceptions import ValidationError
from django.db import transaction

from apis.changes import bookkeeping
from apis.changes.covered import followed
from apis.models import ApiInstance
from apis.rules.instances import MAX_TAGS
from console.models import AuditEntry, User

LONGEST = 60


def add_tags(actor: User, api: ApiInstance, tags: Sequence[str]) -> bool:
    """Whether any of them is new to the API."""
    return _change(actor, api, lambda had: [*had, *dict.fromkeys(tag for tag in tags if tag not in had)])


def remove_tags(actor: User, api: ApiInstance, tags: Sequence[str]) -> bool:
    """Whether the API had any of them."""
    return _change(actor, api, lambda had: [tag for tag in had if tag not in tags])


def check(tags: Iterable[str]) -> None:
    """Raises ValidationError at "tags"."""
    for tag in tags:
        if not 1 <= len(tag) <= LONGEST or tag != tag.strip():
            message = f'Tag "{tag[:LONGEST]}" must have 1 to {LONGEST} characters, and no space at its ends.'
            raise ValidationError({"tags": [message]})
        if any(category(sign) == "Cc" for sign in tag):
            message = f"Tag {tag!r} holds a control character or a line break; take it out."
            raise ValidationError({"tags": [message]})


@transaction.atomic
def _change(actor: User, api: ApiInstance, changed: Callable[[list[str]], list[str]]) -> bool:
    bookkeeping.lock(api.gateway, api=api)
    before = list(api.tags)
    after = changed(before)
    if after == before:
        return False
    check(tag for tag in after if tag not in before)
    if len(after) > MAX_TAGS:
        raise ValidationError({"tags": [f"{len(after)} tags; at most {MAX_TAGS} are allowed."]})
    api.tags = after
    with followed(api.environment, ApiInstance.objects.filter(pk=api.pk)):
        api.save(update_fields=["tags", "updated_at"])
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before={"tags": before}, after={"tags": after})
    return True
