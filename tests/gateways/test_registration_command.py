"""`gatewright registration`: what it writes, and what it says when it cannot."""

import json
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from console.models import Role
from gateways import change
from gateways.agent.link import registration
from gateways.agent.link.client import ANSWER_LIMIT
from gateways.models import Gateway, RegistrationToken
from tests.certificates import self_signed
from tests.factories import make_actor, make_environment, make_role, make_user
from tests.gateways.agent.link.test_client import HEAD, Endless
from tests.gateways.agent_process import run
from tests.ports import free_port
from tests.traffic.upstream import EchoServer, echo, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def token() -> str:
    return change.issue_token(make_actor(), make_environment(), "edge")[1]


def create(server: LiveServer, folder: Path, *flags: str) -> "tuple[int, str]":
    url = f"--anypoint-url={server.url}"
    done = run("registration", "create", "--connected=true", url, f"--output-directory={folder}", *flags)
    return done.returncode, done.stdout + done.stderr


def test_file_names_the_gateway_as_flex_gateway_does(
    live_server: LiveServer, tmp_path: Path, token: str
) -> None:
    code, _ = create(live_server, tmp_path, f"--token={token}")

    gateway = Gateway.objects.get()
    document = yaml.safe_load((tmp_path / "registration.yaml").read_text())
    connection = document["spec"]["platformConnection"]
    assert code == 0
    assert document["kind"] == "Configuration"
    assert connection["agentId"] == [str(gateway.pk)]
    assert (connection["assetName"], connection["mode"]) == ("edge", "online")
    assert connection["environment"] == {
        "cluster_id": str(gateway.pk),
        "env_id": str(gateway.environment_id),
        "org_id": str(gateway.environment.organization_id),
    }


@pytest.mark.parametrize(
    ("mine", "why"),
    [("mine", "registers a gateway already"), ("", "is empty: a registration was broken off")],
)
def test_existing_registration_is_kept_and_costs_no_token(
    live_server: LiveServer, tmp_path: Path, token: str, mine: str, why: str
) -> None:
    (tmp_path / "registration.yaml").write_text(mine)

    code, said = create(live_server, tmp_path, f"--token={token}")

    assert code == 1
    assert why in said
    assert (tmp_path / "registration.yaml").read_text() == mine
    assert RegistrationToken.objects.get().used_at is None


def test_folder_that_cannot_be_written_costs_no_token(
    live_server: LiveServer, tmp_path: Path, token: str
) -> None:
    (tmp_path / "file").write_text("")

    code, said = create(live_server, tmp_path / "file" / "below", f"--token={token}")

    assert code == 1
    assert "--output-directory" in said
    assert RegistrationToken.objects.get().used_at is None


@pytest.mark.parametrize(("age_hours", "words"), [(25, "expired at"), (0, "used already")])
def test_refused_token_leaves_no_file(
    live_server: LiveServer, tmp_path: Path, token: str, age_hours: int, words: str
) -> None:
    now = timezone.now()
    used = None if age_hours else now
    RegistrationToken.objects.update(expires_at=now + timedelta(hours=24 - age_hours), used_at=used)

    code, said = create(live_server, tmp_path, f"--token={token}")

    assert code == 1
    assert words in said
    assert list(tmp_path.iterdir()) == []


def test_console_that_is_away_is_named(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"

    done = run(
        "registration", "create", "--token=t", f"--anypoint-url={url}", f"--output-directory={tmp_path}"
    )

    assert done.returncode == 1
    assert url in done.stderr
    assert "does not answer" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--anypoint-url=http://[::1", "--console-url"),
        ("--console-url=localhost:8000", "has no scheme; write https://"),
        ("--anypoint-url=", "has no scheme; write https://"),
        ("--https-proxy=nonsense", "--https-proxy"),
    ],
)
def test_an_address_that_is_none_is_named(tmp_path: Path, flag: str, words: str) -> None:
    done = run("registration", "create", "--token=t", flag, f"--output-directory={tmp_path}", "edge")

    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_file_instead_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    done = run("registration", "create", "--token=t", f"--output-directory={tmp_path / 'file'}", "edge")

    assert f"{tmp_path / 'file'} is not a folder" in done.stderr


def test_another_server_is_no_console(tmp_path: Path) -> None:
    with echo() as server:
        scope = [f"--{name}={uuid4()}" for name in ("organization", "environment")]
        flags = ["--username=a", "--password=b", *scope]
        url = f"--anypoint-url={server.url}"
        done = run("registration", "create", url, *flags, f"--output-directory={tmp_path}", "edge")

    assert done.returncode == 1
    assert "did not answer as a Gatewright console does" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_answer_without_end_is_no_console_s(tmp_path: Path) -> None:
    server = Endless(HEAD, b" " * 65536)
    with closing(server):
        url = f"--anypoint-url={server.url}"
        done = run("registration", "create", "--token=t", url, f"--output-directory={tmp_path}", "edge")

    assert done.returncode == 1
    assert f"answered more than {ANSWER_LIMIT} bytes" in done.stderr
    assert list(tmp_path.iterdir()) == []


@contextmanager
def encrypted_echo(folder: Path) -> Iterator[str]:
    """Its address; its certificate is in the folder's ca.pem."""
    pair = self_signed()
    (folder / "ca.pem").write_text(pair["crt"])
    (folder / "both.pem").write_text(pair["crt"] + pair["key"])
    server, context = EchoServer("secure"), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "both.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server.url.replace("http:", "https:")


def test_a_console_of_an_unknown_ca_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with encrypted_echo(tmp_path) as url:
        create = ["registration", "create", "--token=t", f"--anypoint-url={url}"]
        unknown = run(*create, f"--output-directory={tmp_path}", "edge")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        known = run(*create, f"--output-directory={tmp_path}", "edge")

    assert "SSL_CERT_FILE" in unknown.stderr
    assert "the console answered what this version cannot read" in known.stderr


def test_split_names_both_files(live_server: LiveServer, tmp_path: Path, token: str) -> None:
    _, said = create(live_server, tmp_path, f"--token={token}", "--split=true")

    assert f"{tmp_path / 'certificate.yaml'} holds the gateway's key" in " ".join(said.split())


def test_split_keeps_the_keys_apart(live_server: LiveServer, tmp_path: Path, token: str) -> None:
    create(live_server, tmp_path, f"--token={token}", "--split=true")

    assert "privateKey" not in (tmp_path / "registration.yaml").read_text()
    assert registration.read(tmp_path).private_key.startswith("-----BEGIN PRIVATE KEY-----")


def test_user_registers_with_name_and_password(live_server: LiveServer, tmp_path: Path) -> None:
    environment = make_environment()
    make_role(make_user("ada", password="s3cret-1"), environment.organization, Role.Name.MANAGER)
    scope = [f"--organization={environment.organization_id}", f"--environment={environment.pk}"]

    code, said = create(live_server, tmp_path, "--username=ada", "--password=s3cret-1", *scope, "edge")

    assert code == 0, said
    assert Gateway.objects.get().environment == environment


def test_missing_credentials_are_asked_for(live_server: LiveServer, tmp_path: Path) -> None:
    code, said = create(live_server, tmp_path, "edge")

    assert code == 1
    assert "give --token" in said


def test_an_environments_name_is_no_id(live_server: LiveServer, tmp_path: Path) -> None:
    scope = [f"--organization={uuid4()}", "--environment=Sandbox"]

    code, said = create(live_server, tmp_path, "--username=ada", "--password=x", *scope, "edge")

    assert code == 1
    assert '--environment "Sandbox" is not an id' in said


def test_inspect_shows_no_key(live_server: LiveServer, tmp_path: Path, token: str) -> None:
    create(live_server, tmp_path, f"--token={token}")

    done = run("registration", "inspect", "--file", tmp_path / "registration.yaml")

    assert json.loads(done.stdout)["gateway"]["name"] == "edge"
    assert "KEY" not in done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 20_000 + "]" * 20_000, "line 1: the YAML is broken: it is more than 100 levels deep"),
        ("- " * 20_000 + "x", "line 1: the YAML is broken: it is more than 100 levels deep"),
        ("a: &a [*a]", "line 1: the YAML is broken: an alias stands inside of what it stands for"),
        ("a: 1\n\tb: 2", "line 2: the YAML is broken"),
        ("", "it must be a mapping of names to values"),
        ("kind: Configuration", "apiVersion: "),
        ("{a: 1}\n---\n{b: 2}", "is not a registration"),
    ],
)
def test_inspect_says_in_one_line_why_a_file_is_none(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "registration.yaml"
    file.write_text(text)

    done = run("registration", "inspect", "--file", file)

    assert done.returncode == 1
    assert done.stderr.startswith(f"gatewright: {file} is not a registration: ")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_altered_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "registration.yaml").write_text("apiVersion: [")

    done = run("run", "--registration", tmp_path, "--state", tmp_path / "state")

    assert done.returncode == 1
    assert "is not a registration" in done.stderr
    assert "Traceback" not in done.stderr
