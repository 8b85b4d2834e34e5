"""The whole of Gatewright with a certificate of its own."""

import json
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from console.stack import ports
from tests import certificates
from tests.running import Stack

pytestmark = [pytest.mark.stack, pytest.mark.long, pytest.mark.timeout(180)]
"""By day `tests/front/test_tls.py` shows what the front does with certificates."""


@pytest.fixture(scope="module")
def secured() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="gatewright-", dir="/tmp") as folder:
        home, certificate, key = Path(folder, "home"), Path(folder, "cert.pem"), Path(folder, "key.pem")
        Path(folder).chmod(0o711)
        certificates.write(certificate, key)
        stack = Stack(home)
        stack.variables = {
            "GATEWRIGHT_TLS_CERT": str(certificate),
            "GATEWRIGHT_TLS_KEY": str(key),
            "GATEWRIGHT_REDIRECT_PORT": str(ports.free("127.0.0.1")),
        }
        stack.start(until="Healthy: gateway")
        yield stack
        stack.stop()
        assert stack.processes() == []


@pytest.fixture
def browser(secured: Stack) -> Iterator[httpx.Client]:
    context = ssl.create_default_context(cafile=secured.variables["GATEWRIGHT_TLS_CERT"])
    with httpx.Client(base_url=f"https://localhost:{secured.port}", verify=context, timeout=20) as client:
        yield client


def test_pages_come_by_https_with_cookies_for_it_alone(browser: httpx.Client) -> None:
    page = browser.get("/login")

    assert page.status_code == 200
    assert "Secure" in page.headers["Set-Cookie"]


def test_another_port_leads_to_it(secured: Stack) -> None:
    port = secured.variables["GATEWRIGHT_REDIRECT_PORT"]

    answer = httpx.get(f"http://localhost:{port}/apis")

    assert answer.headers["Location"] == f"https://localhost:{secured.port}/apis"


def test_the_local_gateway_reaches_it_and_every_part_is_up(secured: Stack, browser: httpx.Client) -> None:
    health = browser.get("/healthz").json()
    (registration,) = secured.home.glob("local-gateway/registration.yaml")

    assert health["parts"]["gateway"] == health["parts"]["front"] == "up"
    assert "http://127.0.0.1:" in registration.read_text()
    assert secured.variables["GATEWRIGHT_TLS_KEY"] not in json.dumps(health)
