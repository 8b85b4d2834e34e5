"""What is not in the console's log: links that let somebody in."""

import io
import logging
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from console import passwords
from console.invitations import changes
from console.invitations.changes import InvitedRole as Given
from console.models import Environment, User
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What is written from now on, as the console writes it."""
    (stderr,) = [one for one in logging.getLogger().handlers if one.get_name() == "stderr"]
    assert isinstance(stderr, logging.StreamHandler)
    kept = stderr.setStream(io.StringIO())
    yield stderr.stream
    stderr.setStream(kept)


def test_a_link_that_lets_somebody_in_is_not_in_it(
    log: io.StringIO, administrator: User, environment: Environment
) -> None:
    cache.clear()
    invited = changes.make(administrator, Given(environment.organization, "viewer"))
    reset = passwords.link(make_user())
    browser = Client(raise_request_exception=False)
    wrong = {"username": "vera", "new_password1": "short", "new_password2": "short", "who": "new"}

    assert browser.post(invited.link, wrong).status_code == 422
    assert browser.get(f"{invited.link}x").status_code == 404
    assert browser.get(f"{invited.link}/x", headers={"Accept": "text/html"}).status_code == 404
    browser.put(reset)

    written = log.getvalue()
    assert "Unprocessable Entity: /invitations/…" in written
    for link in (invited.link, reset):
        assert link.rsplit("/", 1)[-1] not in written
