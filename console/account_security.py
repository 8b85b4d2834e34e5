"""What administrators do about how others log in. Atomic and audited, as all of `console.accounts` is."""

from django.db import transaction

from console.accounts import require_whole_user
from console.audit import record
from console.models import AuditEntry, User
from console.tokens import access


@transaction.atomic
def end_sessions(actor: User, user: User) -> int:
    """How many ended. REST tokens that the user got with a password, and personal ones, end with them."""
    organization = require_whole_user(actor, user)
    ended = access.end(actor, user, "all sessions ended", organization)
    before, after = {"sessions": ended}, {"sessions": 0}
    record(actor, AuditEntry.Action.UPDATE, user, organization=organization, before=before, after=after)
    return ended
