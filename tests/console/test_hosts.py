"""Which names in a request's Host the console answers to."""

import logging

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from console.middleware import hosts


@pytest.fixture
def default(settings: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GATEWRIGHT_ALLOWED_HOSTS")
    settings.CONSOLE_HOSTS = hosts.allowed("https://Console.example:8443")  # type: ignore[attr-defined]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "host",
    ["console.example", "CONSOLE.example:8443", "localhost:8000", "127.0.0.1", "[::1]:8000", "10.1.2.3:8000"],
)
def test_its_own_names_and_addresses_are_answered(client: Client, default: None, host: str) -> None:
    assert client.get("/login", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8443", "console.example.evil.example", "a,b", "a b", "10.1.2.3.evil"],
)
def test_another_name_is_refused_in_one_line(
    client: Client, default: None, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = client.get("/login", headers={"Host": host, "Accept": "text/html"})

    assert answer.status_code == 400
    assert [record.getMessage() for record in caplog.records] == [f"host={host!r} refused=true"]
    assert caplog.records[0].exc_info is None


def test_the_page_says_what_to_set(client: Client, default: None) -> None:
    page = client.get("/", headers={"Host": "evil.example", "Accept": "text/html"}).content.decode()
    told = client.get("/", headers={"Host": "evil.example"}).json()["message"]

    assert "evil.example" in page and "GATEWRIGHT_ALLOWED_HOSTS" in page
    assert '"evil.example" is not a name' in told and "GATEWRIGHT_ALLOWED_HOSTS" in told


def test_what_an_operator_lists_is_all_beside_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWRIGHT_ALLOWED_HOSTS", "a.example, .b.example")

    found = hosts.allowed("https://console.example")

    assert found == (*hosts.LOOPBACK, "console.example", "a.example", ".b.example")


@pytest.mark.parametrize("given", ["https://a.example", "a.example:8000", "a.example/x", "a b", "::1", "*.a"])
def test_what_no_host_can_be_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("GATEWRIGHT_ALLOWED_HOSTS", f"b.example,{given}")

    with pytest.raises(ImproperlyConfigured, match="no host name"):
        hosts.allowed("https://console.example")


@pytest.mark.django_db
def test_an_address_is_refused_where_names_are_listed(client: Client, settings: object) -> None:
    settings.CONSOLE_HOSTS = ("console.example",)  # type: ignore[attr-defined]

    assert client.get("/login", headers={"Host": "10.1.2.3"}).status_code == 400
