"""What administrators do about how others log in. Atomic and audited, as all of `console.accounts` is."""

from django.db import transaction

from console.accounts import require_whole_user
from console.audit import record
from console.models import AuditEntry, User
from console.sessions import logins
from console.tokens.changes import end_all as end_personal_tokens


@transaction.atomic
def end_sessions(actor: User, user: User) -> int:
    """How many ended. REST tokens that the user got with a password, and personal ones, end with them."""
    organization = require_whole_user(actor, user)
    ended = logins.end_all(user)
    logins.end_tokens(User.objects.filter(pk=user.pk))
    end_personal_tokens(actor, user, "all sessions ended", organization)
    before, after = {"sessions": ended}, {"sessions": 0}
    record(actor, AuditEntry.Action.UPDATE, user, organization=organization, before=before, after=after)
    return ended
