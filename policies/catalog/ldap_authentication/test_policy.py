"""Usernames and passwords through a real gateway, its authorizer and real directories."""

import base64
import json
import os
import select
import signal
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import certificates
from tests.policies import directory
from tests.policies.directory import ACCOUNT, PASSWORD, Directory
from tests.ports import free_port
from tests.traffic.gateway import Gateway, running_gateway
from tests.waiting import wait_until

pytestmark = pytest.mark.envoy

API = """
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {name: people}
spec:
  address: http://127.0.0.1:${port}/people
  services: {upstream: {address: "${upstream}"}}
  policies:
  - {policyRef: {name: ldap-authentication-flex}, MODE config: CONFIG}
  - policyRef: {name: header-injection}
    config: {inboundHeaders: [
      {key: x-user, value: "#[authentication.principal]"},
      {key: x-dn, value: "#[authentication.properties.dn]"}]}
"""
HAS_SLAPD = pytest.param("slapd", marks=pytest.mark.skipif(not directory.SLAPD, reason="no slapd here"))


@pytest.fixture(scope="module", params=["ldaptor", HAS_SLAPD])
def people(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with getattr(directory, request.param)(tmp_path_factory.mktemp("directory")) as made:
        yield made


def apply(gateway: Gateway, url: str, mode: str = "", **config: Any) -> None:
    plain = {
        "ldapServerURL": url,
        "ldapServerUserDn": ACCOUNT,
        "ldapServerUserPassword": PASSWORD,
        "ldapSearchBase": "ou=people,dc=example,dc=org",
        **config,
    }
    ack = gateway.apply(API.replace("CONFIG", json.dumps(plain)).replace("MODE", mode))
    assert not [one.reason for one in ack.resources if one.reason], ack.resources


def get(gateway: Gateway, credentials: str) -> httpx.Response:
    told = base64.b64encode(credentials.encode()).decode()
    return gateway.get("/people/x", headers={"authorization": f"Basic {told}"}, timeout=60)


def test_who_is_known_passes(gateway: Gateway, people: Directory) -> None:
    apply(gateway, people.url)

    answer = get(gateway, "ada:l0velace")

    assert answer.status_code == 200
    seen = answer.json()["headers"]
    assert (seen["x-user"], seen["x-dn"]) == ("ada", "uid=ada,ou=people,dc=example,dc=org")


@pytest.mark.parametrize(
    ("search", "username", "name"),
    [
        ("(uid={0})", "ADA", "ada"),
        ("(&(objectClass=*)(|(uid={0})(mail={0})))", "aDa", "ada"),
        ("(&(objectClass=*)(|(uid={0})(mail={0})))", "Ada@Example.ORG", "ada@example.org"),
    ],
)
def test_a_name_in_another_spelling_is_the_same_caller(
    gateway: Gateway, people: Directory, search: str, username: str, name: str
) -> None:
    """Else whoever is counted by the name is counted anew by each."""
    apply(gateway, people.url, ldapSearchFilter=search)

    assert get(gateway, f"{username}:l0velace").json()["headers"]["x-user"] == name


@pytest.mark.parametrize(
    "credentials",
    [
        "ada:wrong",
        "ada:",
        "ada",
        ":l0velace",
        "nobody:l0velace",
        "*:l0velace",
        "a*:l0velace",
        "ada)(uid=*:l0velace",
        "ada)(|(uid=ada:l0velace",
        "ada\0:l0velace",
        "\\61da:l0velace",
        "gateway:gate s3cret",
        f"{'a' * 300}:l0velace",
    ],
)
def test_who_is_not_known_is_refused(gateway: Gateway, people: Directory, credentials: str) -> None:
    apply(gateway, people.url)

    answer = get(gateway, credentials)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="people", charset="UTF-8"'


def test_a_name_that_means_something_to_filters_is_a_name(gateway: Gateway, people: Directory) -> None:
    apply(gateway, people.url)

    assert get(gateway, "bob(x)*,:b0b").status_code == 200
    assert get(gateway, "bob(x)*,:wrong").status_code == 401


def test_the_subtree_is_searched_where_it_is_to_be(gateway: Gateway, people: Directory) -> None:
    apply(gateway, people.url)
    assert get(gateway, "eve:s3cret:with colon").status_code == 401

    apply(gateway, people.url, ldapSearchInSubtree=True)

    assert get(gateway, "eve:s3cret:with colon").status_code == 200


def test_a_name_that_fits_two_is_refused(gateway: Gateway, people: Directory) -> None:
    apply(gateway, people.url, ldapSearchInSubtree=True, ldapSearchFilter="(mail={0})")

    assert get(gateway, "ada@example.org:l0velace").status_code == 200
    assert get(gateway, "both@example.org:b0b").status_code == 401


def test_where_the_gateway_itself_is_not_let_in_nobody_passes(gateway: Gateway, people: Directory) -> None:
    apply(gateway, people.url, ldapServerUserPassword="wrong")

    assert get(gateway, "ada:l0velace").status_code == 503


def test_where_it_only_observes_nothing_is_refused(gateway: Gateway, people: Directory) -> None:
    apply(gateway, people.url, mode="mode: observe,")

    assert get(gateway, "ada:observed").status_code == 200

    log = gateway.envoy.state / "access.log"
    wait_until(lambda: "password: the directory does not accept it (49)" in log.read_text(errors="replace"))


def test_who_was_known_is_remembered_while_the_directory_is_away(
    gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with directory.ldaptor(tmp_path_factory.mktemp("directory")) as people:
        apply(gateway, people.url, rememberedSeconds=600)
        assert get(gateway, "ada:l0velace").status_code == 200

        os.kill(people.pid, signal.SIGKILL)

        assert get(gateway, "ada:l0velace").status_code == 200
        assert get(gateway, "eve:unknown").status_code == 503


def test_nobody_passes_where_the_directory_is_away_silent_or_endless(gateway: Gateway) -> None:
    apply(gateway, f"ldap://127.0.0.1:{free_port()}")
    assert get(gateway, "ada:l0velace").status_code == 503

    with socket.create_server(("127.0.0.1", 0)) as silent:
        apply(gateway, f"ldap://127.0.0.1:{silent.getsockname()[1]}", authenticationTimeout=300)
        assert get(gateway, "ada:l0velace").status_code == 503
        apply(gateway, f"ldaps://127.0.0.1:{silent.getsockname()[1]}", authenticationTimeout=300)
        assert get(gateway, "ada:l0velace").status_code == 503


def test_secrets_and_passwords_stand_nowhere(gateway: Gateway, people: Directory) -> None:
    apply(gateway, people.url)
    assert get(gateway, "ada:l0velace").status_code == 200

    state = gateway.envoy.state
    configured = "".join(path.read_text() for path in gateway.envoy.folder.glob("*.json"))
    assert PASSWORD not in configured
    remembered = (state / "shm-answers" / "answers-1").open("rb").read(1_000_000)
    assert b"l0velace" not in remembered
    assert base64.b64encode(b"ada:l0velace") not in remembered


def test_over_tls_the_directory_must_be_who_it_says(
    tmp_path: Path, people: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "crt.pem", tmp_path / "key.pem"
    certificates.write(certificate, key)
    with over_tls(people.port, certificate, key) as port:
        with running_gateway("", tmp_path / "stranger") as stranger:
            apply(stranger, f"ldaps://127.0.0.1:{port}")
            assert get(stranger, "ada:l0velace").status_code == 503

        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with running_gateway("", tmp_path / "friend") as friend:
            apply(friend, f"ldaps://127.0.0.1:{port}")
            assert get(friend, "ada:l0velace").status_code == 200
            assert get(friend, "ada:wrong").status_code == 401
            apply(friend, f"ldaps://127.0.0.2:{port}")
            assert get(friend, "ada:l0velace").status_code == 503, "it has another name"


@contextmanager
def over_tls(to: int, certificate: Path, key: Path) -> Iterator[int]:
    """A port at which TLS is taken off what goes to the other."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    class Relay(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", to)) as inner:
                outer = context.wrap_socket(self.request, server_side=True)
                while True:
                    for one in select.select([outer, inner], [], [])[0]:
                        if not (read := one.recv(65536)):
                            return
                        (inner if one is outer else outer).sendall(read)

    with socketserver.ThreadingTCPServer(("0.0.0.0", 0), Relay) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
