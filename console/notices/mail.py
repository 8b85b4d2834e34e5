"""The mail server that mails go through: of the environment, else as an administrator entered it."""

from dataclasses import dataclass, field
from email.utils import parseaddr

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from console.environment import Mail
from console.notices.models import MailServer


@dataclass(frozen=True)
class SmtpServer:
    host: str
    port: int
    security: str
    username: str
    password: str = field(repr=False)
    sender: str
    is_of_environment: bool = False


def server() -> SmtpServer | None:
    """None where no mail is set up."""
    given: Mail | None = settings.MAIL
    if given:
        return SmtpServer(
            given.host, given.port, given.security, given.username, given.password, given.sender, True
        )
    row = MailServer.objects.first()
    if row is None:
        return None
    return SmtpServer(row.host, row.port, row.security, row.username, row.secret, row.sender)


def is_set_up() -> bool:
    return settings.MAIL is not None or MailServer.objects.exists()


def check_sender(text: str) -> None:
    """Raises ValidationError where it is no address, with or without a name."""
    address = parseaddr(text)[1]
    try:
        validate_email(address)
        is_sound = text.isprintable()
    except ValidationError:
        is_sound = False
    if not is_sound:
        raise ValidationError("Write an address, or a name with one: Gatewright <gateway@example.com>.")
