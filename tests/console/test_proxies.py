"""Who a request comes from, when reverse proxies stand before the console."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from console import environment
from console.login_attempts import MOST_FOR_NAME
from tests.factories import make_environment, make_organization, make_role, make_user

TRUSTED = "GATEWRIGHT_TRUSTED_PROXIES"
NETWORKS = "10.0.0.0/8, 2001:db8:1::/48,192.0.2.7"


@pytest.fixture(autouse=True)
def trusted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUSTED, NETWORKS)
    monkeypatch.delenv("GATEWRIGHT_CONSOLE_URL", raising=False)
    settings.TRUSTED_PROXIES = environment.networks(TRUSTED)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.50", "198.51.100.1", "203.0.113.50"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 192.0.2.7, 10.9.9.9", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.9, 10.0.0.8", "10.0.0.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, , 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("2001:db8:1::1", "[2001:db8:2::5]:4711", "2001:db8:2::5"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", "198.51.100.1"),
        ("", "1.1.1.1, 203.0.113.50", "203.0.113.50"),
        ("", "1.1.1.1, 203.0.113.50, 10.0.0.2", "203.0.113.50"),
        ("", "", ""),
    ],
)
@pytest.mark.django_db
def test_the_first_address_from_the_right_that_is_no_proxy_of_ours_is_the_clients(
    peer: str, forwarded: str, client: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Client(REMOTE_ADDR=peer, headers={"X-Forwarded-For": forwarded} if forwarded else {})

    browser.post("/login", {"username": "nobody", "password": "wrong"})

    assert f"login=failed address={client}" in caplog.messages


@pytest.mark.django_db
def test_who_is_behind_the_same_proxy_is_not_kept_waiting() -> None:
    make_user("grace-behind", password="correct horse")
    for _ in range(MOST_FOR_NAME):
        _log_in("198.51.100.1", "grace-behind", "wrong")

    assert _log_in("198.51.100.1", "grace-behind", "correct horse") == 429
    assert _log_in("198.51.100.2", "grace-behind", "correct horse") == 302


@pytest.mark.django_db
def test_a_client_does_not_choose_the_address_that_its_failures_count_for() -> None:
    make_user("grace-forged", password="correct horse")
    for number in range(MOST_FOR_NAME):
        _log_in(f"1.1.1.{number}, 198.51.100.3", "grace-forged", "wrong")

    assert _log_in("1.1.1.99, 198.51.100.3", "grace-forged", "correct horse") == 429


@pytest.mark.django_db
def test_without_trusted_proxies_the_header_says_nothing(
    settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TRUSTED_PROXIES = ()

    Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": "198.51.100.1"}).post(
        "/login", {"username": "nobody", "password": "wrong"}
    )

    assert "login=failed address=10.0.0.1" in caplog.messages


@pytest.mark.parametrize(
    ("peer", "proto", "scheme"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "http", "http"),
        ("10.0.0.1", "javascript", "http"),
        ("203.0.113.50", "https", "http"),
    ],
)
@pytest.mark.django_db
def test_a_trusted_proxy_says_whether_the_browser_speaks_tls(peer: str, proto: str, scheme: str) -> None:
    user = make_user()
    make_role(user, make_environment(make_organization()).organization)
    browser = Client(REMOTE_ADDR=peer, headers={"X-Forwarded-Proto": proto})
    browser.force_login(user)

    page = browser.post("/gateways/add", {"name": "edge", "platform": "linux"}).content.decode()

    assert f"--console-url={scheme}://testserver" in page


@pytest.mark.parametrize(
    ("value", "remedy"),
    [
        ("10.0.0.0/8,10.1.2.3/16", '"10.1.2.3/16" is not a network; write 10.1.0.0/16.'),
        ("proxy.example", '"proxy.example" is not an IP address or network; write them like 10.0.0.0/8'),
        ("10.0.0.0/99", '"10.0.0.0/99" is not an IP address or network'),
        ("10.0.0.1 10.0.0.2", '"10.0.0.1 10.0.0.2" is not an IP address or network'),
    ],
)
def test_what_is_no_network_is_named_at_the_start(
    value: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUSTED, value)

    with pytest.raises(ImproperlyConfigured) as told:
        environment.networks(TRUSTED)

    assert str(told.value).startswith(f"{TRUSTED}: {remedy}")


def test_nobody_is_trusted_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUSTED, " ")

    assert environment.networks(TRUSTED) == ()


def _log_in(forwarded: str, username: str, password: str) -> int:
    browser = Client(REMOTE_ADDR="10.0.0.1", headers={"X-Forwarded-For": forwarded})
    return browser.post("/login", {"username": username, "password": password}).status_code
