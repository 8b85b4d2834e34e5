"""All commands of `anypoint-cli-v4` about secrets, unmodified, against the console behind TLS.

GATEWRIGHT_ANYPOINT_CLI names the program (npm's node_modules/.bin/anypoint-cli-v4); without it nothing runs.
"""

import json
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apis.certificates import self_signed
from apis.models import TlsContext
from console.models import ConnectedApp, Role, digest
from tests import certificates
from tests.apis.secret_groups import stores
from tests.factories import make_environment, make_role, make_user

CLI = os.environ.get("GATEWRIGHT_ANYPOINT_CLI", "")
pytestmark = [
    pytest.mark.skipif(not CLI, reason="GATEWRIGHT_ANYPOINT_CLI names no program"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(600),
]


class Front:
    """Speaks TLS and passes on what comes."""

    def __init__(self, to: tuple[str, int], folder: Path) -> None:
        self.ca = folder / "ca.pem"
        certificates.write(self.ca, folder / "ca.key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, folder / "ca.key")
        self._to, self._context = to, context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            one = self._context.wrap_socket(client, server_side=True)
            other = socket.create_connection(self._to)
        except OSError:
            return
        threading.Thread(target=_pump, args=(other, one), daemon=True).start()
        _pump(one, other)

    def end(self) -> None:
        self._socket.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        sink.close()


@pytest.fixture
def cli(live_server: Any, tmp_path: Path) -> Iterator[Any]:
    environment, owner = make_environment(name="Sandbox"), make_user()
    make_role(owner, environment.organization, Role.Name.ADMINISTRATOR)
    told = {"role": Role.Name.ADMINISTRATOR, "in_every_environment": True, "secret_hash": digest("ci-secret")}
    app = ConnectedApp.objects.create(name="ci", organization=environment.organization, owner=owner, **told)
    front = Front(("127.0.0.1", live_server.thread.port), tmp_path)
    known = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "ANYPOINT_HOST": f"127.0.0.1:{front.port}",
        "NODE_EXTRA_CA_CERTS": str(front.ca),
        "ANYPOINT_CLIENT_ID": str(app.client_id),
        "ANYPOINT_CLIENT_SECRET": "ci-secret",
        "ANYPOINT_ENV": "Sandbox",
    }

    def run(command: str, *options: str, code: int = 0) -> Any:
        words = [CLI, *command.split(), *options, "-o", "json"]
        ended = subprocess.run(words, env=known, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == code, (command, ended.stdout, ended.stderr)
        start = min(
            (at for at in (ended.stdout.rfind("\n["), ended.stdout.rfind("\n{")) if at >= 0), default=0
        )
        for text in (ended.stdout, ended.stdout[start:]):
            try:
                return json.loads(text)
            except ValueError:
                continue
        return ended.stdout + ended.stderr

    yield run
    front.end()


def test_every_command_about_secrets_works(cli: Any, tmp_path: Path) -> None:
    assert shutil.which(CLI) or Path(CLI).exists()
    crt, key = self_signed(["api.example.com"])
    (tmp_path / "a.crt").write_text(crt)
    (tmp_path / "a.key").write_text(key)
    (tmp_path / "a.p12").write_bytes(stores.keystore("PKCS12"))
    group = cli("secrets-mgr secret-group create", "--name", "shop")["id"]
    of = ("--group-id", group)

    cli("secrets-mgr secret-group modify", "--id", group, "--downloadable")
    assert cli("secrets-mgr secret-group describe", "--id", group)["name"] == "shop"
    assert "shop" in str(cli("secrets-mgr secret-group list"))

    shared = ("--type", "UsernamePassword", "--secret-username", "ann", "--secret-password", "s3cret")
    made = _walk(cli, "shared-secret", of, shared)
    pem = ("--type", "PEM", "--cert-file", str(tmp_path / "a.crt"))
    _walk(cli, "certificate", of, pem)
    trust = _walk(cli, "truststore", of, ("--type", "PEM", "--truststore-file", str(tmp_path / "a.crt")))
    keystore = _walk(cli, "keystore", of, (*pem, "--key-file", str(tmp_path / "a.key")))
    words = ("--store-passphrase", "changeit", "--key-passphrase", "changeit", "--alias", "edge")
    store = ("--type", "PKCS12", "--keystore-file", str(tmp_path / "a.p12"), *words)
    cli("secrets-mgr keystore create", *of, "--name", "java", *store)
    context = ("--keystore-id", keystore, "--truststore-id", trust)
    _walk(cli, "tls-context flex-gateway", of, context)

    assert TlsContext.objects.get().keystore is not None
    assert cli("secrets-mgr tls-context mule list", *of) == []
    refused = cli(
        "secrets-mgr tls-context mule create", *of, "--name", "m", "--keystore-id", keystore, code=9
    )
    assert "write FlexGateway" in str(refused)
    assert "is used" not in str(made)
    cli("secrets-mgr secret-group delete", "--id", group)


def _walk(cli: Any, what: str, of: tuple[str, ...], given: tuple[str, ...]) -> str:
    """Made, listed, looked at, renamed, replaced; its id."""
    command = f"secrets-mgr {what}"
    one = str(cli(f"{command} create", *of, "--name", "one", *given)["id"])
    assert one in str(cli(f"{command} list", *of))
    assert "one" in str(cli(f"{command} describe", *of, "--id", one))
    cli(f"{command} modify", *of, "--id", one, "--name", "two")
    cli(f"{command} replace", *of, "--id", one, "--name", "three", *given)
    assert "three" in str(cli(f"{command} describe", *of, "--id", one))
    return one
