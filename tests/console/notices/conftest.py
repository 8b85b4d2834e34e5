"""Mail and a webhook's receiver for tests, and people to tell."""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from console.environment import Mail
from tests.console.notices.receivers import Hook, Mailbox, hook_receiver, mail_server

SENDER = "Gatewright <gateway@acme.example>"


def mail_at(port: int, **more: Any) -> Mail:
    given = {"security": "none", "username": "", "password": "", "sender": SENDER, **more}
    return Mail("127.0.0.1", port, **given)


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """The mail server of the environment."""
    with mail_server() as box:
        settings.MAIL = mail_at(box.port)
        yield box


@pytest.fixture
def hook(settings: Any) -> Iterator[Hook]:
    """Where destinations may be in this test."""
    settings.DESTINATION_NETWORKS = (ip_network("127.0.0.0/8"),)
    with hook_receiver() as receiver:
        yield receiver
