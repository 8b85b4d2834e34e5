"""Hands one mail to the mail server, and says what the server answered."""

import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from urllib.parse import urlsplit

from django.conf import settings

from console.notices import texts
from console.notices.mail import SmtpServer
from console.notices.models import Delivery
from console.notices.unsent import Unsent
from console.unreachable import reason

ANSWER_SECONDS = 10
"""For each answer of the server's; the whole takes no longer than the following."""
WHOLE_SECONDS = 60
OK = 250
FORWARDED = 251


def send(server: SmtpServer, delivery: Delivery) -> str:
    """The server's answer to a mail that it took. Raises Unsent."""
    message = _message(server, delivery)
    address = _ascii(delivery.address)
    with _connected(server) as smtp:
        _expect(smtp.mail(_ascii(parseaddr(server.sender)[1])), f"the sender {server.sender}", is_away=True)
        _expect(smtp.rcpt(address), f"the address {delivery.address}")
        try:
            code, said = smtp.data(message.as_bytes())
        except smtplib.SMTPDataError as error:
            code, said = error.smtp_code, _bytes(error.smtp_error)
        _expect((code, said), "the mail")
        return _words(code, said)


@contextmanager
def _connected(server: SmtpServer) -> Iterator[smtplib.SMTP]:
    """Logged in. Every fault on the way is Unsent, and of the server: the next mail would meet it too."""
    smtp: smtplib.SMTP | None = None
    watch: threading.Timer | None = None
    try:
        context = ssl.create_default_context()
        if server.security == "tls":
            smtp = smtplib.SMTP_SSL(server.host, server.port, timeout=ANSWER_SECONDS, context=context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, timeout=ANSWER_SECONDS)
        watch = threading.Timer(WHOLE_SECONDS, smtp.close)
        watch.daemon = True
        watch.start()
        if server.security == "starttls":
            smtp.starttls(context=context)
        smtp.ehlo_or_helo_if_needed()
        if server.username:
            smtp.login(server.username, server.password)
        yield smtp
    except smtplib.SMTPResponseException as error:
        raise Unsent(_words(error.smtp_code, error.smtp_error), is_away=True) from None
    except ssl.SSLError as error:
        raise Unsent(f"TLS with {server.host} failed: {error.reason or error}", is_away=True) from None
    except TimeoutError:
        raise Unsent(f"{server.host}:{server.port} did not answer in time", is_away=True) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise Unsent(f"{server.host}:{server.port}: {reason(error)}", is_away=True) from None
    finally:
        if watch:
            watch.cancel()
        if smtp:
            with suppress(smtplib.SMTPException, OSError):
                smtp.quit()
            smtp.close()


def _message(server: SmtpServer, delivery: Delivery) -> EmailMessage:
    """Plain text. A name that is the same at each attempt tells mailboxes one mail from two."""
    message = EmailMessage(policy=SMTP)
    name, address = parseaddr(server.sender)
    message["From"] = Address(display_name=name, addr_spec=_ascii(address))
    message["To"] = _ascii(delivery.address)
    message["Subject"] = texts.subject(delivery.subject)
    message["Date"] = format_datetime(delivery.created_at)
    message["Message-ID"] = f"<{delivery.pk}@{urlsplit(settings.CONSOLE_URL).hostname or 'gatewright'}>"
    message["Auto-Submitted"] = "auto-generated"
    content = delivery.content
    parts = [content.get("text", ""), texts.absolute(content.get("link", ""))]
    signature = f"-- \nGatewright, {settings.CONSOLE_URL}\n"
    text = "\n\n".join([*(part for part in parts if part), signature])
    message.set_content(text, cte="quoted-printable")
    return message


def _expect(answer: tuple[int, bytes], what: str, *, is_away: bool = False) -> None:
    code, said = answer
    if code not in (OK, FORWARDED):
        is_final = code >= 500 and not is_away
        words = f"{what} was refused: {_words(code, said)}"
        raise Unsent(words, is_final=is_final, is_away=is_away)


def _words(code: int, said: bytes | str) -> str:
    return f"{code} {' '.join(_bytes(said).decode(errors='replace').split())}"


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode()


def _ascii(address: str) -> str:
    """Host names of other scripts are written in ASCII; Django takes no other mailbox names."""
    mailbox, _, host = address.rpartition("@")
    try:
        return f"{mailbox}@{host.encode('idna').decode()}"
    except UnicodeError:
        raise Unsent(f"{address} has no host name", is_final=True) from None
