"""What a stranger gets, at every address there is."""

import pytest
from django.test import Client

from tests.console.addresses import Address, addresses
from tests.console.each import for_each

OPEN = {
    "login",
    "login_at",
    "password_forgotten",
    "password_reset",
    "join",  # an invitation's link: its token is the proof, 256 bits, good once
    "login_second",
    "login_second_passkey",
    "login_passkey",
    "login_with",
    "login_back",
    "logged_out",  # the link to the provider's own logout, for the browser that has just left
    "logout",  # answers a stranger with the login page
    "theme",  # a cookie of the browser, no data
    "healthz",  # for load balancers; names parts, tells nothing of what they hold
    "agent_registrations",  # its body carries the one-time token
    "agent_stream",  # says where streams are answered, and that place asks for a signature
    "rest_login",
    "rest_token",
    "rest_telemetry",  # answers every client of the CLI with an empty 200
    "rest_policy_definition",  # the catalog's, which every release has in its source
    "schema",
    "docs",
}


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_address_is_closed_to_strangers(method: str) -> None:
    stranger = Client()

    def look(address: Address) -> None:
        stranger.cookies.clear()
        answer = getattr(stranger, method)(address.path)

        if answer.status_code == 302:
            assert answer["Location"].startswith("/login?next=")
        else:
            assert answer.status_code in (401, 403, 405)

    for_each([one for one in addresses() if one.name not in OPEN], look)


@pytest.mark.django_db
def test_the_admin_asks_a_stranger_to_log_in() -> None:
    answer = Client().get("/admin/console/user/")

    assert answer.status_code == 302
    assert "login" in answer["Location"]
