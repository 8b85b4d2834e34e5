"""A browser's session, as its user sees it in the list of them."""

import hashlib
import uuid

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from console.models import User
from console.sessions.browsers import browser


class LoginSession(AbstractBaseSession):
    """Django's own table with columns beside: whose it is, from where, since when.

    `number` names it on pages, since its key, with which anybody could go on in its place, is shown to none.
    """

    number = models.UUIDField(null=True, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions")
    address = models.CharField(max_length=64, blank=True, default="", db_default="")
    user_agent = models.CharField(max_length=200, blank=True, default="", db_default="")
    began_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "django_session"
        verbose_name = "session"
        ordering = ["-last_used_at"]

    def __str__(self) -> str:
        return f"{self.browser} of {self.user}"

    @classmethod
    def get_session_store_class(cls) -> type:
        from console.sessions.engine import SessionStore

        return SessionStore

    @property
    def browser(self) -> str:
        return browser(self.user_agent)


def number_of(key: str) -> uuid.UUID:
    """The session's number, from which its key cannot be told."""
    return uuid.UUID(bytes=hashlib.sha256(f"session {key}".encode()).digest()[:16])
