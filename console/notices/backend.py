"""Where Django's own mails go: into the outbox, as all others, in the transaction that sends them."""

import logging
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from console.notices import mail, outbox, texts
from console.notices.models import Delivery

log = logging.getLogger(__name__)
KIND = "security"


class OutboxBackend(BaseEmailBackend):
    """For what Django and its apps send: resets of passwords, confirmations. Their text alone is sent."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if not email_messages:
            return 0
        if not mail.is_set_up():
            log.warning("mail=not-set-up unsent=%d", len(email_messages))
            return 0
        outbox.put(
            Delivery(
                way=Delivery.Way.MAIL,
                address=address,
                kind=KIND,
                subject=texts.subject(str(one.subject)),
                content={"text": texts.body(str(one.body))},
            )
            for one in email_messages
            for address in dict.fromkeys(one.recipients())
        )
        return len(email_messages)
