"""Who logged in, and who tried to, in the audit log."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.db import DatabaseError, transaction
from django.http import HttpRequest

from console import login_attempts
from console.models import AuditEntry, Organization, Role, User

SOMEBODY = "somebody"


def watch() -> None:
    user_logged_in.connect(_logged_in, dispatch_uid="console.audit_log")
    user_login_failed.connect(_failed, dispatch_uid="console.audit_log")


def record_login(request: HttpRequest, user: User) -> None:
    """Of a person who gave the right password, by whatever door."""
    if "REMOTE_ADDR" in request.META:
        _write(request, user, failed=False)


def _logged_in(request: HttpRequest, user: Any, **_: object) -> None:
    if isinstance(user, User):
        record_login(request, user)


def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: object) -> None:
    """What was typed as a name is kept only where somebody is called so: people type passwords there. Who
    must wait before the next attempt counts is not written down again and again.
    """
    if request is None or "REMOTE_ADDR" not in request.META:
        return
    name = str(credentials.get("username") or "")
    if login_attempts.wait_seconds(request, name):
        return
    _write(request, User.objects.filter(username=name).first() if "\x00" not in name else None, failed=True)


def _write(request: HttpRequest, user: User | None, *, failed: bool) -> None:
    """A log that cannot be written keeps nobody out."""
    facts = {"address": request.META["REMOTE_ADDR"], "browser": request.headers.get("user-agent", "")[:200]}
    try:
        with transaction.atomic():
            AuditEntry.objects.create(
                actor=None if failed else user,
                actor_name=SOMEBODY if failed or user is None else user.get_username()[:160],
                organization=_organization(user),
                action=AuditEntry.Action.LOGIN,
                failed=failed,
                object_type="user",
                object_id=str(user.pk) if user else "",
                object_name=user.get_username()[:255] if user else "an unknown name",
                diff={name: [None, value] for name, value in facts.items() if value},
            )
    except DatabaseError:
        login_attempts.log.exception("login=unrecorded")


def _organization(user: User | None) -> Organization | None:
    """Where the user's first role is; else it concerns the whole console."""
    role = Role.objects.of(user).select_related("organization").order_by("pk").first() if user else None
    return role.organization if role else None
