"""Geo Filter through a whole gateway that believes a proxy: what passes, what is told, a newer file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.policies import geo_database
from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy
API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {{name: {name}}}
spec:
  address: http://127.0.0.1:${{port}}/{name}
  services: {{echo: {{address: "${{upstream}}"}}}}
  policies:
  - policyRef: {{name: geo-filter-flex}}
    config: {{action: {action}, database: "{database}", {config}}}
{more}"""
APIS = {
    "allow": ("allow", "countries: [DE, FR], countryHeader: X-Country", ""),
    "deny": ("deny", "countries: [KP]", ""),
    "observed": ("deny", "countries: [KP], countryHeader: x-country", "    mode: observe"),
    "writes": ("deny", "countries: [KP]", "    rules: [{methods: POST}]"),
}
KNOWN = {"192.0.2.0/24": "DE", "198.51.100.0/24": "KP", "2001:db8:1::/48": "FR", "203.0.113.7/32": "KP"}
PROXIED = """
---
apiVersion: gatewright.dev/v1alpha1
kind: Configuration
metadata: {name: proxies}
spec: {trustedProxies: {networks: [127.0.0.0/8]}}
"""


def document(name: str, database: Path) -> str:
    action, config, more = APIS[name]
    return API.format(name=name, action=action, config=config, more=more, database=database)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("geo") / "countries.mmdb"
    geo_database.write(file, KNOWN)
    return file


@pytest.fixture(scope="module")
def gateway(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    text = "\n---".join(document(name, database) for name in APIS) + PROXIED
    with running_gateway(text, tmp_path_factory.mktemp("gateway")) as running:
        yield running


def status(gateway: Gateway, api: str, address: str, method: str = "GET") -> int:
    return gateway.request(method, f"/{api}", headers={"x-forwarded-for": address}).status_code


@pytest.mark.parametrize(
    ("address", "allowed", "denied"),
    [
        ("192.0.2.1", 200, 200),
        ("2001:db8:1::5", 200, 200),
        ("198.51.100.255", 403, 403),
        ("203.0.113.7", 403, 403),
        ("203.0.113.8", 403, 200),
        ("127.0.0.1", 403, 200),
    ],
)
def test_by_country(gateway: Gateway, address: str, allowed: int, denied: int) -> None:
    assert (status(gateway, "allow", address), status(gateway, "deny", address)) == (allowed, denied)


def test_the_upstream_is_told_what_the_database_says(gateway: Gateway) -> None:
    told = {"x-forwarded-for": "192.0.2.1", "x-country": "US"}

    headers = gateway.get("/allow", headers=told).json()["headers"]

    assert headers["x-country"] in ("DE", ["DE"])
    assert [name for name in headers if name.startswith("x-gatewright")] == []


def test_nobody_says_himself_where_he_is(gateway: Gateway) -> None:
    answer = gateway.get("/observed", headers={"x-forwarded-for": "203.0.113.8", "x-country": "DE"})
    own = next(name for name in written_headers(gateway) if name.startswith("x-gatewright-country"))

    assert "x-country" not in answer.json()["headers"]
    assert gateway.get("/allow", headers={"x-forwarded-for": "203.0.113.8", own: "DE"}).status_code == 403


def written_headers(gateway: Gateway) -> list[str]:
    """Of the first API, as its configuration has them."""
    text = "".join(path.read_text() for path in gateway.envoy.folder.glob("rds-*.json"))
    return [part.split('"')[0] for part in text.split('"remove": "')[1:] + text.split('"remove":"')[1:]]


def test_the_log_says_which_country(tmp_path: Path, database: Path) -> None:
    text = "\n---".join(document(name, database) for name in ("allow", "deny", "observed")) + PROXIED
    with running_gateway(text, tmp_path) as gateway:
        for api, address in (
            ("allow", "203.0.113.8"),
            ("deny", "198.51.100.1"),
            ("observed", "198.51.100.1"),
        ):
            status(gateway, api, address)

        assert gateway.reasons(3) == [
            ["country: unknown is not in the list"],
            ["country: KP is in the list"],
            ["country: KP is in the list"],
        ]


def test_observing_and_conditions(gateway: Gateway) -> None:
    assert status(gateway, "observed", "198.51.100.1") == 200
    assert status(gateway, "writes", "198.51.100.1") == 200
    assert status(gateway, "writes", "198.51.100.1", "POST") == 403


def test_a_file_that_is_not_there_refuses_the_api_alone(tmp_path: Path, database: Path) -> None:
    with running_gateway("", tmp_path) as gateway:
        lost = document("deny", tmp_path / "gone.mmdb")
        ack = gateway.apply(document("allow", database) + "\n---" + lost + PROXIED)

        assert {one.name: one.state for one in ack.resources} == {"allow": "applied", "deny": "refused"}
        reason = next(one.reason for one in ack.resources if one.name == "deny")
        assert f"Maxmind database file {tmp_path}/gone.mmdb" in reason
        assert status(gateway, "allow", "192.0.2.1") == 200


def test_a_newer_file_counts_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "own.mmdb"
    geo_database.write(file, KNOWN)
    with running_gateway(document("deny", file) + PROXIED, tmp_path) as gateway:
        assert status(gateway, "deny", "203.0.113.8") == 200
        geo_database.write(file, {**KNOWN, "203.0.113.8/32": "KP"})
        wait_until(lambda: status(gateway, "deny", "203.0.113.8") == 403)
