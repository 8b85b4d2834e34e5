"""What is no address in the environment is refused where the console starts, in a sentence."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from console import environment, keys

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


@pytest.mark.parametrize(
    ("read", "given"),
    [
        *((lambda name: environment.number(name, 5, 3600), one) for one in ("3601", "9" * 5000)),
        (lambda name: environment.days(name, 3), "99999999999999"),
        (environment.log_level, "LOUD"),
        *((environment.urls, one) for one in ("ca.example", "https://a.example/d ftp://b.example")),
        *(
            (lambda name: environment.database(name, ""), one)
            for one in ("nonsense", "mysql://u:s3cret@h/x", "postgres://u:s3cret@h:99999/x", "postgres://h")
        ),
        *(
            (lambda name: environment.redis_url(name, ""), one)
            for one in ("nonsense", "redis://:s3cret@h:99999", "redis://:s3cret@h/x", "http://h", "redis://")
        ),
    ],
)
def test_what_could_not_act_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, read: Callable[[str], object], given: str
) -> None:
    monkeypatch.setenv(NAME, given)

    with pytest.raises(ImproperlyConfigured, match=f"^{NAME}") as told:
        read(NAME)

    assert "s3cret" not in str(told.value) and len(str(told.value)) < 200


def test_what_can_act_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def given(text: str, read: Callable[[str], Any]) -> Any:
        monkeypatch.setenv(NAME, text)
        return read(NAME)

    def database(name: str) -> dict[str, Any]:
        return environment.database(name, "")

    def redis_url(name: str) -> str:
        return environment.redis_url(name, "")

    assert given("warning", environment.log_level) == "WARNING"
    assert given("", environment.log_level) == "INFO"
    assert given("https://a.example/d, http://b:1/x", environment.urls) == (
        "https://a.example/d",
        "http://b:1/x",
    )
    assert given("postgresql://u:p%23@h:1/x?sslmode=require", database)["OPTIONS"] == {"sslmode": "require"}
    assert given("postgres://gatewright@%2Frun%20x/db", database)["HOST"] == "/run x"
    for url in ("redis://h", "rediss://u:p@h:1/5", "unix:///run/a%20b.sock?db=3", "redis://[::1]:6379/0"):
        assert given(url, redis_url) == url


def test_a_key_that_is_none_is_refused_by_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GATEWRIGHT_ENCRYPTION_KEYS", f"{Fernet.generate_key().decode()}, s3cret")

    with pytest.raises(
        ImproperlyConfigured, match=r"^GATEWRIGHT_ENCRYPTION_KEYS: key 2 is no Fernet key"
    ) as told:
        keys.load(tmp_path)

    assert "s3cret" not in str(told.value)


def test_a_state_folder_that_is_not_utf8_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GATEWRIGHT_HOME", os.fsdecode(os.fsencode(tmp_path) + b"/\xe9t\xe9"))

    with pytest.raises(ImproperlyConfigured, match=r"xe9t.* is not UTF-8: set it to a folder"):
        environment.home(tmp_path)


def test_a_state_folder_may_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no shell reads it, as in a unit of systemd."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GATEWRIGHT_HOME", "~/state")

    assert environment.home(Path("elsewhere")) == tmp_path / "state"
