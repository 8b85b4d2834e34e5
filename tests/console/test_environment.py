"""What is no address in the environment is refused where the console starts, in a sentence."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from console import environment

NAME = "GATEWRIGHT_CONSOLE_URL"


@pytest.mark.parametrize(
    "given",
    [
        *("localhost:8000", "ftp://localhost", "http://", "http://::1:8000", "http://localhost:99999"),
        *("http://localhost?x=1", "http://localhost#f", "http://a b", "http://localhost/path"),
        "http://ann:s3cret@localhost",
    ],
)
def test_what_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv(NAME, given)

    with pytest.raises(ImproperlyConfigured, match=f"^{NAME} (is|holds) .*; write https://") as told:
        environment.url(NAME, "http://usual")

    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("", "http://usual"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
        ("https://a.example", "https://a.example"),
    ],
)
def test_an_address_is_taken(monkeypatch: pytest.MonkeyPatch, given: str, taken: str) -> None:
    monkeypatch.setenv(NAME, given)

    assert environment.url(NAME, "http://usual") == taken
    monkeypatch.setenv(NAME, "http://localhost/link")
    assert environment.url(NAME, may_have_path=True) == "http://localhost/link"
