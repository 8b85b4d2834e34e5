"""Guessing passwords is slowed down, wherever one logs in."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from console.login_attempts import MOST_FOR_ADDRESS, MOST_FOR_NAME, WINDOW_SECONDS
from console.models import ConnectedApp, User
from tests.factories import make_organization, make_user
from tests.rest import Rest

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse"
TOKEN = "/accounts/api/v2/oauth2/token"


@pytest.fixture
def user() -> User:
    return make_user(f"grace-{secrets.token_hex(4)}", password=PASSWORD)


@pytest.fixture
def browser() -> Client:
    """At an address of its own, since what is counted outlives a test."""
    return Client(REMOTE_ADDR=f"2001:db8::{secrets.token_hex(2)}:{secrets.token_hex(2)}")


@pytest.fixture
def rest(browser: Client) -> Rest:
    rest = Rest(None)
    rest.client = browser
    return rest


def test_the_login_page_takes_a_right_password_again_only_after_a_while(user: User, browser: Client) -> None:
    wrong = [_log_in(browser, user.username, "wrong") for _ in range(MOST_FOR_NAME)]
    refused = _log_in(browser, user.username, PASSWORD)

    assert {answer.status_code for answer in wrong} == {200}
    assert refused.status_code == 429
    assert "Too many wrong passwords. Try again in " in refused.content.decode()


def test_another_address_is_not_kept_waiting(user: User, browser: Client) -> None:
    for _ in range(MOST_FOR_NAME):
        _log_in(browser, user.username, "wrong")

    assert _log_in(Client(REMOTE_ADDR="203.0.113.77"), user.username, PASSWORD).status_code == 302


def test_a_right_password_forgets_the_wrong_ones(user: User, browser: Client) -> None:
    for _ in range(3):
        for _ in range(MOST_FOR_NAME - 1):
            _log_in(browser, user.username, "wrong")
        assert _log_in(browser, user.username, PASSWORD).status_code == 302
        browser.post("/logout")


def test_names_tried_in_turn_are_counted_for_the_address(user: User, browser: Client) -> None:
    for number in range(MOST_FOR_ADDRESS):
        _log_in(browser, f"nobody-{number}", "wrong")

    assert _log_in(browser, user.username, PASSWORD).status_code == 429


def test_the_admin_takes_no_password(user: User, browser: Client) -> None:
    user.is_staff = True
    user.save()
    for _ in range(MOST_FOR_NAME):
        browser.post("/admin/login/", {"username": user.username, "password": "wrong"}, follow=True)

    answer = browser.post("/admin/login/", {"username": user.username, "password": PASSWORD})

    # The console's own page is the only one that takes a password.
    assert answer["Location"] == "/login?next=/admin/"
    assert "_auth_user_id" not in browser.session


@pytest.mark.parametrize(
    "attempt",
    [
        lambda rest, name, password: rest(
            "POST", "/accounts/login", {"username": name, "password": password}
        ),
        lambda rest, name, password: rest(
            "POST", TOKEN, {"grant_type": "password", "username": name, "password": password}
        ),
    ],
)
def test_rest_answers_429_and_says_how_long(user: User, rest: Rest, attempt: Callable[..., Any]) -> None:
    for _ in range(MOST_FOR_NAME):
        assert attempt(rest, user.username, "wrong").status_code == 401

    answer = attempt(rest, user.username, PASSWORD)

    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= WINDOW_SECONDS
    assert answer.data["message"].startswith("Too many attempts")


def test_secrets_of_connected_apps_are_not_guessed_either(user: User, rest: Rest) -> None:
    app = ConnectedApp(name="ci", organization=make_organization("Acme"), owner=user)
    secret = app.renew_secret()
    app.save()
    body = {"grant_type": "client_credentials", "client_id": app.client_id}
    for _ in range(MOST_FOR_NAME):
        assert rest("POST", TOKEN, body | {"client_secret": "wrong"}).status_code == 401

    assert rest("POST", TOKEN, body | {"client_secret": secret}).status_code == 429


def test_without_valkey_people_still_log_in(user: User, browser: Client, settings: Any) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:9/0",
        }
    }

    assert _log_in(browser, user.username, "wrong").status_code == 200
    assert _log_in(browser, user.username, PASSWORD).status_code == 302


def _log_in(browser: Client, username: str, password: str) -> Any:
    return browser.post("/login", {"username": username, "password": password})
