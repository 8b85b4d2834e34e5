"""A WSDL and what it includes, fetched from a server, through a whole gateway."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from policies.catalog.soap_validation.test_schemas import ENVELOPE, WSDL
from tests.traffic.gateway import Gateway, running_gateway
from tests.traffic.upstream import serving

pytestmark = pytest.mark.envoy
TRIES = 400
SCHEMA = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="t" type="xs:{}"/></xs:schema>'
)
DOCUMENTS: dict[str, str] = {}


class _Documents(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = DOCUMENTS.get(self.path, "").encode()
        self.send_response(200 if body else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Requests are no news."""


@pytest.fixture
def server() -> Iterator[int]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), _Documents)
    made.daemon_threads = True
    DOCUMENTS.clear()
    with serving(made):
        yield made.server_port


def api(port: int) -> str:
    return f"""
apiVersion: gatewright.dev/v1alpha1
kind: ApiInstance
metadata: {{name: soap}}
spec:
  address: http://127.0.0.1:${{port}}/soap
  services: {{upstream: {{address: "${{upstream}}"}}}}
  policies: [{{policyRef: {{name: soap-validation}}, config: {{wsdlUrl: "http://127.0.0.1:{port}/t?wsdl"}}}}]
"""


def status(gateway: Gateway, value: str, wanted: int) -> int:
    """The last one of several tries, so that documents have time to come."""
    found, pause = 0, threading.Event()
    for _ in range(TRIES):
        body = ENVELOPE.format(f"<t>{value}</t>")
        found = gateway.post("/soap", content=body, headers={"content-type": "text/xml"}).status_code
        if found == wanted:
            break
        pause.wait(0.05)
    return found


def test_what_a_document_includes_is_fetched(server: int, tmp_path: Path) -> None:
    DOCUMENTS["/t?wsdl"] = WSDL.format('<xs:include schemaLocation="t.xsd"/>')
    DOCUMENTS["/t.xsd"] = SCHEMA.format("int")

    with running_gateway(api(server), tmp_path) as gateway:
        assert status(gateway, "1", 200) == 200
        assert status(gateway, "x", 400) == 400


def test_without_a_document_requests_are_refused_until_it_is_there(server: int, tmp_path: Path) -> None:
    DOCUMENTS["/t?wsdl"] = WSDL.format('<xs:include schemaLocation="t.xsd"/>')

    with running_gateway(api(server), tmp_path) as gateway:
        assert status(gateway, "1", 500) == 500
        assert [f"wsdl: http://127.0.0.1:{server}/t.xsd: not fetched yet"] in gateway.reasons(1)
        DOCUMENTS["/t.xsd"] = SCHEMA.format("int")

        assert status(gateway, "1", 200) == 200
