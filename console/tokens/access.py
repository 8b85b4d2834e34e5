"""All that lets somebody in who has not just given a password: it ends together."""

from console.models import Organization, User
from console.sessions import logins
from console.tokens import changes


def end(actor: User | None, user: User, why: str, organization: Organization | None = None) -> int:
    """How many sessions ended; tokens that were got with a password, and personal ones, end with them. What
    connected apps of the user's got stays. The audit entries are the organization's.
    """
    ended = logins.end_all(user)
    logins.end_tokens(User.objects.filter(pk=user.pk))
    changes.end_all(actor, user, why, organization)
    return ended
