"""What was removed or discarded last in a session, which can come back with one press for a while."""

from datetime import timedelta

from django.contrib.sessions.backends.base import SessionBase
from django.utils import timezone

from apis.changes import discarding
from apis.changes.policies import restore_policy
from apis.models import ApiInstance, PolicyBinding
from apis.removed import Removed
from console.models import User

SESSION_KEY = "removed"
LIFETIME = timedelta(minutes=10)


def offer(session: SessionBase, removed: Removed) -> None:
    session[SESSION_KEY] = removed.pk


def title(session: SessionBase, api: ApiInstance) -> str:
    """Of the policy that can come back to this API; empty for nothing."""
    removed = _offered(session, api, Removed.Kind.POLICY)
    return removed.name if removed else ""


def has_pending(session: SessionBase, api: ApiInstance) -> bool:
    """Whether changes that were discarded can be pending again."""
    removed = _offered(session, api, Removed.Kind.PENDING)
    return removed is not None and discarding.can_restore(api, removed)


def restore(actor: User, session: SessionBase, api: ApiInstance) -> PolicyBinding:
    """Apply it again where it was. Raises LookupError when nothing is offered for this API."""
    removed = _offered(session, api, Removed.Kind.POLICY)
    if removed is None:
        raise LookupError("nothing was removed from this API lately")
    binding = restore_policy(actor, api, removed)
    session.pop(SESSION_KEY, None)
    return binding


def restore_pending(actor: User, session: SessionBase, api: ApiInstance) -> None:
    """Have what was discarded pending again. Raises LookupError when nothing is offered for this API."""
    removed = _offered(session, api, Removed.Kind.PENDING)
    if removed is None:
        raise LookupError("nothing of this API was discarded lately")
    discarding.restore(actor, api, removed)
    session.pop(SESSION_KEY, None)


def _offered(session: SessionBase, api: ApiInstance, kind: Removed.Kind) -> Removed | None:
    if SESSION_KEY not in session:
        return None
    kept = Removed.objects.filter(kind=kind, api_id=api.pk, at__gt=timezone.now() - LIFETIME)
    return kept.defer("saved").filter(pk=session[SESSION_KEY]).first()
