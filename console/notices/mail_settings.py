"""The mail server that an administrator of everything enters, and the mail that tries it."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from console import audit
from console.addressed import ANEW, leads_elsewhere
from console.models import AuditEntry, User
from console.notices import mail, outbox
from console.notices.models import Delivery, MailServer
from console.versions import check, version

FIELDS = ("host", "port", "security", "username", "sender")
Action = AuditEntry.Action


def require_everything(user: User) -> None:
    """Raises PermissionDenied: a mail server is of the whole console."""
    if not user.reaches_everything:
        raise PermissionDenied("Only an administrator of everything may do this.")


@transaction.atomic
def save(actor: User, facts: Mapping[str, Any], password: str | None, *, seen: str = "") -> MailServer:
    """`password` is None to keep the one that is there; without a user there is none. Audited.

    Raises Changed where it is not as it was `seen`, PermissionDenied, and ValidationError by field.
    """
    require_everything(actor)
    if settings.MAIL is not None:
        raise ValidationError("GATEWRIGHT_EMAIL_URL says which mail server is used; change it there.")
    row = MailServer.objects.select_for_update().first()
    check(seen, seen_of(row))
    before = _facts(row)
    is_new, row = row is None, row or MailServer()
    is_another_user = row.username != facts["username"]
    is_elsewhere = leads_elsewhere([_address(row.host, row.port)], [_address(facts["host"], facts["port"])])
    for name in FIELDS:
        setattr(row, name, facts[name])
    if not facts["username"]:
        if password:
            raise ValidationError({"username": "Write whose password it is, or no password."})
        row.secret = ""
    elif password is not None:
        row.secret = password
    elif row.secret and (is_elsewhere or is_another_user):
        raise ValidationError({"password": ANEW if is_elsewhere else "Enter the password of this user."})
    _check(row)
    row.full_clean()
    row.save(force_insert=is_new)
    told = _facts(row) | ({"password": [audit.HIDDEN]} if password is not None and not is_new else {})
    _record(actor, Action.CREATE if is_new else Action.UPDATE, row, before, told)
    transaction.on_commit(_wake)
    return row


@transaction.atomic
def remove(actor: User) -> None:
    """From then on people are told in their inbox alone. What waits goes on waiting, for its day."""
    require_everything(actor)
    row = MailServer.objects.select_for_update().first()
    if row is not None:
        _record(actor, Action.DELETE, row, _facts(row), {})
        row.delete()


@transaction.atomic
def send_test(actor: User, address: str) -> Delivery:
    """A mail that is tried once. What the server answered is in the row then."""
    require_everything(actor)
    validate_email(address)
    if not mail.is_set_up():
        raise ValidationError("Enter a mail server first.")
    delivery = Delivery(
        way=Delivery.Way.MAIL,
        address=address,
        user=actor,
        kind="test",
        subject="Test of mail",
        content={"text": f"{actor} tried whether Gatewright's mails arrive. This one did."},
        gives_up_at=timezone.now(),
    )
    outbox.put([delivery])
    return delivery


def seen_of(row: MailServer | None) -> str:
    return version(_facts(row) | {"secret": row.secret if row else ""})


def _address(host: str, port: int) -> str:
    return f"smtp://{host}:{port}"


def _check(row: MailServer) -> None:
    try:
        mail.check_sender(row.sender)
    except ValidationError as error:
        raise ValidationError({"sender": error.messages}) from None
    if row.secret and row.security == MailServer.Security.NONE:
        raise ValidationError({"security": "A password is sent by TLS alone: choose STARTTLS or TLS."})


def _wake() -> None:
    """What waited for a server is tried with this one."""
    Delivery.objects.waiting().filter(way=Delivery.Way.MAIL, is_held=True).update(next_at=timezone.now())
    outbox.ask()


def _facts(row: MailServer | None) -> dict[str, Any]:
    return {name: getattr(row, name) for name in FIELDS} if row else {}


def _record(actor: User, action: AuditEntry.Action, row: MailServer, before: Any, after: Any) -> None:
    audit.record(actor, action, row, organization=None, before=before, after=after)
