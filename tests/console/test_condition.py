"""Pages tell which part of the console is away, and what that means."""

import time

import pytest
from django.core.cache import cache
from django.test import Client

from console import background
from console.stack.waiting import wait_for
from tests.factories import make_application, make_environment, make_role, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser() -> Client:
    user, environment = make_user(), make_environment()
    make_role(user, environment.organization)
    browser = Client()
    browser.force_login(user)
    return browser


def text(browser: Client, path: str) -> str:
    return browser.get(path).content.decode()


@pytest.mark.usefixtures("pulse")
def test_with_every_part_up_no_page_has_a_banner(browser: Client) -> None:
    wait_for(lambda: "Workers:" not in text(browser, "/apis"), 10, "no banner")

    assert text(browser, "/administration/system").count(">Up<") == 6


@pytest.mark.usefixtures("pulse")
def test_silent_workers_are_told_on_every_page_and_what_to_do_on_one(browser: Client) -> None:
    cache.set(background.PULSE_KEY, time.time() - 90)

    wait_for(lambda: "Workers: silent for 9" in text(browser, "/apis"), 10, "the banner")

    assert "Changes are saved, and gateways fetch them by themselves" in text(browser, "/apis")
    page = text(browser, "/administration/system")
    assert "None answers" in page
    assert "Start one: celery -A console.celery worker" in page
    assert "Unknown: no worker answers" in page
    assert "Workers: silent" not in page


@pytest.mark.usefixtures("pulse")
def test_a_reader_of_documents_that_is_away_is_told_with_what_to_do(browser: Client) -> None:
    cache.delete(background.READER_PULSE_KEY)

    wait_for(lambda: "Document readers: no answer yet" in text(browser, "/apis"), 10, "the banner")

    page = text(browser, "/administration/system")
    assert "Uploaded documents wait, and are read later." in page
    assert "Start one: celery -A console.celery worker -Q documents" in page


@pytest.mark.usefixtures("pulse")
def test_a_poll_gets_the_table_alone(browser: Client) -> None:
    answer = browser.get("/administration/system", headers={"HX-Request": "true"})

    assert answer.content.decode().lstrip().startswith('<section class="card" id="system"')


def test_the_page_is_for_people_who_are_logged_in() -> None:
    assert Client().get("/administration/system").status_code == 302


@pytest.mark.usefixtures("pulse")
def test_consumers_are_not_told_what_the_console_is_made_of(browser: Client) -> None:
    owner, consumer = make_user(), Client()
    make_application(owners=[owner])
    consumer.force_login(owner)
    cache.set(background.PULSE_KEY, time.time() - 90)
    wait_for(lambda: "Workers: silent" in text(browser, "/apis"), 10, "the banner of others")

    assert "Workers" not in text(consumer, "/consumer")
    assert consumer.get("/administration/system").status_code == 404
