"""Tells people and programs something, in the transaction of what it is about.

People read it in their inbox and, where mail is set up and they want it, in a mail; addresses get the mail
alone. Nothing is sent here: rows are written, and a worker sends them once the transaction is committed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from console.models import Environment, Organization, User
from console.notices import kinds, mail, outbox, texts
from console.notices.models import Delivery, Destination, Notice, Preference

AT_ONCE = 500


@dataclass(frozen=True)
class Reached:
    """How many were told how, and the addresses that get no mail: none is set up, or they are none."""

    inbox: int = 0
    mails: int = 0
    unmailed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Message:
    kind: str
    organization: Organization | None
    environment: Environment | None
    subject: str
    text: str
    link: str

    @property
    def place(self) -> dict[str, Any]:
        return {"kind": self.kind, "organization": self.organization, "environment": self.environment}


def tell(
    kind: str,
    *,
    organization: Organization | None,
    environment: Environment | None = None,
    users: Iterable[User] = (),
    addresses: Iterable[str] = (),
    subject: str,
    text: str,
    link: str = "",
) -> Reached:
    """Call it inside `transaction.atomic`. `link` is a path of this console; `organization` is None for what
    concerns the whole system.

    Who is named twice, or as a user and by address, is told once. People who were deactivated are not told.
    Raises UnknownKind, and ValueError for a link to elsewhere.
    """
    message = Message(
        kinds.kind(kind).name,
        organization,
        environment,
        texts.subject(subject),
        texts.body(text),
        texts.link(link),
    )
    given = tuple(addresses)
    people = list({one.pk: one for one in users if one.is_active}.values())
    in_inbox, by_mail = _wanted(kinds.kind(kind), people)
    Notice.objects.bulk_create((_notice(one, message) for one in in_inbox), batch_size=AT_ONCE)
    wanted, bad = _mailboxes(by_mail, given)
    if not wanted:
        return Reached(len(in_inbox), 0, bad)
    if not mail.is_set_up():
        named = {one.casefold() for one in given}
        return Reached(len(in_inbox), 0, (*bad, *(key for key in wanted if key in named)))
    outbox.put(_mail(address, user, message) for address, user in wanted.values())
    return Reached(len(in_inbox), len(wanted), bad)


def send_to(
    destination: Destination,
    subject: str,
    text: str,
    payload: Mapping[str, Any] | None = None,
    *,
    kind: str = "alerts",
    link: str = "",
) -> Delivery:
    """To be sent to a destination, once the transaction is committed; what came of it is in the row.

    `payload` holds JSON values, and is what webhooks get beside the words.
    """
    content = {"text": texts.body(text), "link": texts.link(link), "payload": dict(payload or {})}
    delivery = Delivery(
        way=Delivery.Way.CHANNEL,
        destination=destination,
        organization=destination.organization,
        environment=destination.environment,
        kind=kinds.kind(kind).name,
        subject=texts.subject(subject),
        content=content,
    )
    outbox.put([delivery])
    return delivery


def _wanted(kind: kinds.NoticeKind, people: list[User]) -> tuple[list[User], list[User]]:
    """Who wants it in the inbox, who by mail."""
    chosen = (
        {
            one.user_id: one
            for one in Preference.objects.filter(kind=kind.name, user__in=[one.pk for one in people])
        }
        if people
        else {}
    )
    wishes = [(one, chosen.get(one.pk, kind)) for one in people]
    return [one for one, wish in wishes if wish.inbox], [
        one for one, wish in wishes if wish.mail and one.email
    ]


def _mailboxes(
    people: list[User], addresses: Iterable[str]
) -> tuple[dict[str, tuple[str, User | None]], tuple[str, ...]]:
    """Each mailbox once, by its address in lower case, and what is no address."""
    found: dict[str, tuple[str, User | None]] = {}
    bad = []
    for address, user in (*((one.email, one) for one in people), *((one, None) for one in addresses)):
        try:
            validate_email(address)
        except ValidationError:
            bad.append(address)
        else:
            found.setdefault(address.casefold(), (address, user))
    return found, tuple(bad)


def _notice(user: User, message: Message) -> Notice:
    return Notice(user=user, subject=message.subject, text=message.text, link=message.link, **message.place)


def _mail(address: str, user: User | None, message: Message) -> Delivery:
    content = {"text": message.text, "link": message.link}
    return Delivery(
        way=Delivery.Way.MAIL,
        address=address,
        user=user,
        subject=message.subject,
        content=content,
        **message.place,
    )
