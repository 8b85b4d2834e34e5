"""Keeps sessions as Django does, each with whose it is and from where."""

from datetime import UTC, datetime
from typing import Any, cast

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db.models.expressions import BaseExpression
from django.utils import timezone

from console.compiled import CompiledQuery
from console.sessions.models import LoginSession, number_of

LOGIN = "_login"
"""In a session's data: from where it was logged in, and since when."""
USER = "_auth_user_id"

asked: dict[str, BaseExpression] = {}
"""What is asked about a session's user in the query that loads it. An app's apps.py adds to it."""


_live = CompiledQuery(
    lambda key, now: (
        LoginSession.objects.filter(session_key=key, expire_date__gt=now).annotate(**asked).order_by()
    ),
    key="the session's key",
    now=datetime(1970, 1, 1, tzinfo=UTC),
)


class SessionStore(DatabaseStore):
    row: LoginSession | None = None
    """As it was loaded; None for one that is new."""

    @classmethod
    def get_model_class(cls) -> type[LoginSession]:
        return LoginSession

    def create_model_instance(self, data: dict[str, Any]) -> LoginSession:
        row = cast(LoginSession, super().create_model_instance(data))
        login = data.get(LOGIN) or {}
        row.number = number_of(row.session_key)
        row.user_id = data.get(USER)
        row.address, row.user_agent = login.get("address", ""), login.get("user_agent", "")
        row.began_at = datetime.fromisoformat(login["at"]) if login else None
        row.last_used_at = timezone.now()
        return row

    def _get_session_from_db(self) -> LoginSession | None:
        self.row = next(iter(_live(key=self.session_key, now=timezone.now())), None)
        if self.row is None:
            self._session_key = None
        return self.row
