"""An API is hidden from consumers, or shown to them. Nothing changes on the gateway."""

from django.db import transaction

from apis.changes import bookkeeping
from apis.contracts.access import is_hidden
from apis.contracts.models import HiddenApi
from apis.models import ApiInstance
from console.models import AuditEntry, User


@transaction.atomic
def let_find(actor: User, api: ApiInstance, may_find: bool) -> None:
    """Whether consumers without a role find the API and ask for it. Harmless on repeat."""
    bookkeeping.lock(api=api)
    before = not is_hidden(api)
    if may_find:
        HiddenApi.objects.filter(api=api).delete()
    else:
        HiddenApi.objects.get_or_create(api=api)
    told = ({"consumers find it": one} for one in (before, may_find))
    bookkeeping.record(actor, AuditEntry.Action.UPDATE, api, before=next(told), after=next(told))
