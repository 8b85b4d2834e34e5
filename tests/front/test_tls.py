"""HTTPS on the console's port: the certificate, what is spoken, and plain HTTP that comes there."""

import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from cryptography.x509 import load_pem_x509_certificate

from console.stack import ports
from console.stack.waiting import wait_for
from tests import certificates
from tests.front.conftest import HOST, RunningFront

pytestmark = pytest.mark.envoy


@dataclass
class Secured:
    front: RunningFront
    certificate: Path
    key: Path
    redirect_port: int
    local_port: int

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.front.port}"

    @property
    def served(self) -> int:
        """The serial number of the certificate that callers get."""
        pem = ssl.get_server_certificate((HOST, self.front.port))
        return load_pem_x509_certificate(pem.encode()).serial_number


@pytest.fixture(scope="module")
def secured(echo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificates.write(certificate, key)
    redirect_port, local_port = ports.free(HOST), ports.free(HOST)
    variables = {
        "TLS_CERT": str(certificate),
        "TLS_KEY": str(key),
        "REDIRECT_PORT": str(redirect_port),
        "FRONT_LOCAL_PORT": str(local_port),
    }
    front = RunningFront(folder / "home", echo, variables).start()
    yield Secured(front, certificate, key, redirect_port, local_port)
    front.stop()


def verified(secured: Secured) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(secured.certificate))


def test_pages_come_by_https_and_the_console_is_told(secured: Secured) -> None:
    found = httpx.get(secured.url, verify=verified(secured)).json()

    assert found["headers"]["x-forwarded-proto"] == "https"


def test_http_2_is_offered(secured: Secured) -> None:
    told = subprocess.run(
        [
            "curl",
            "-s",
            "--cacert",
            secured.certificate,
            "-o",
            "/dev/null",
            "-w",
            "%{http_version}",
            secured.url,
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout == "2"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_1_is_refused(secured: Secured) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1

    with pytest.raises(httpx.ConnectError):
        httpx.get(secured.url, verify=context)


def test_plain_http_on_either_port_is_sent_to_https(secured: Secured) -> None:
    for port in (secured.front.port, secured.redirect_port):
        answer = httpx.get(f"http://{HOST}:{port}/apis?page=2")

        assert answer.status_code == 308
        assert answer.headers["Location"] == f"{secured.url}/apis?page=2"


def test_programs_of_this_machine_may_speak_plain_http(secured: Secured) -> None:
    found = httpx.get(f"http://{HOST}:{secured.local_port}").json()

    assert found["headers"]["x-forwarded-proto"] == "http"


def test_a_certificate_that_was_renewed_is_served_without_a_restart(secured: Secured) -> None:
    serial = certificates.write(secured.certificate, secured.key)

    wait_for(lambda: secured.served == serial, 30, "the certificate written over the last one")

    fresh = secured.certificate.with_name("fresh.pem"), secured.key.with_name("fresh-key.pem")
    serial = certificates.write(*fresh)
    fresh[1].rename(secured.key)
    fresh[0].rename(secured.certificate)

    wait_for(lambda: secured.served == serial, 30, "the certificate renamed onto the last one")


def test_a_certificate_without_its_key_changes_nothing(secured: Secured) -> None:
    before = secured.served
    right = secured.certificate.read_bytes()
    certificates.write(secured.certificate, secured.key.with_name("other-key.pem"))

    wait_for(lambda: any("certificate=kept" in line for line in secured.front.lines), 30, "the refusal")

    assert secured.served == before
    assert "is not the key of" in secured.front.lines[-1]
    secured.certificate.write_bytes(right)


@pytest.mark.parametrize(
    ("certificate", "key", "told"),
    [
        ("absent.pem", "key.pem", "GATEWRIGHT_TLS_CERT: .*absent.pem cannot be read: No such file"),
        ("key.pem", "key.pem", "GATEWRIGHT_TLS_CERT: .*key.pem holds no certificate in PEM"),
        ("cert.pem", "cert.pem", "GATEWRIGHT_TLS_KEY: .*cert.pem holds no private key in PEM"),
        ("cert.pem", "", "GATEWRIGHT_TLS_KEY is missing"),
    ],
)
def test_what_cannot_be_used_is_named(
    tmp_path: Path, echo: str, certificate: str, key: str, told: str
) -> None:
    certificates.write(tmp_path / "cert.pem", tmp_path / "key.pem")
    variables = {
        "TLS_CERT": str(tmp_path / certificate),
        "TLS_KEY": str(tmp_path / key) if key else "",
    }

    with pytest.raises(AssertionError, match=told):
        RunningFront(tmp_path / "home", echo, variables).start()
