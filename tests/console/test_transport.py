"""What the console says of HTTPS, and what it logs of requests that it refuses."""

import logging

import pytest
from django.test import Client

from console import environment
from console.logs import WithoutTraceback


@pytest.mark.parametrize(
    ("url", "given", "seconds"),
    [
        ("https://console.example", "", environment.YEAR_SECONDS),
        ("https://console.example:443", "", environment.YEAR_SECONDS),
        ("https://console.example:8443", "", 0),
        ("https://localhost", "", 0),
        ("http://console.example", "", 0),
        ("https://console.example", "0", 0),
        ("https://console.example:8443", "300", 300),
    ],
)
def test_https_alone_is_asked_for_where_the_host_is_the_consoles_own(
    url: str, given: str, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWRIGHT_HSTS_SECONDS", given)

    assert environment.hsts_seconds(url) == seconds


@pytest.mark.django_db
def test_a_request_that_is_refused_leaves_no_traceback(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(WithoutTraceback())

    with caplog.at_level(logging.INFO):
        answer = client.get("/login?next=a\0b")

    assert answer.status_code == 400
    assert caplog.records
    assert "Traceback" not in caplog.text


def test_a_bug_keeps_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(WithoutTraceback())

    try:
        raise RuntimeError("a bug")
    except RuntimeError:
        logging.getLogger("django.request").exception("it broke", extra={"status_code": 500})

    assert "Traceback" in caplog.text
