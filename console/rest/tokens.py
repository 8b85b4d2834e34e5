"""Issues bearer tokens."""

import secrets
from datetime import timedelta

from django.utils import timezone

from console.digests import digest
from console.models import AccessToken, ConnectedApp, User


def issue(user: User, app: ConnectedApp | None = None) -> str:
    """A new token, known to the caller alone; the user's expired ones are forgotten."""
    now = timezone.now()
    user.access_tokens.filter(expires_at__lt=now).delete()
    token = secrets.token_urlsafe(32)
    if app:
        ConnectedApp.objects.filter(pk=app.pk).update(last_used_at=now)
    AccessToken.objects.create(
        token_hash=digest(token),
        user=user,
        connected_app=app,
        expires_at=now + timedelta(seconds=AccessToken.LIFETIME_SECONDS),
    )
    return token


def app_of(client_id: str, client_secret: str) -> ConnectedApp | None:
    """The connected app with these credentials whose owner may log in."""
    app = ConnectedApp.objects.select_related("owner").filter(client_id=client_id).first()
    expected = app.secret_hash if app else digest("")
    is_right = secrets.compare_digest(expected, digest(client_secret))
    return app if app and is_right and app.owner.is_active else None
