"""Where identity providers may be: on the internet, and in networks that the operator names."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Semaphore, Thread
from typing import Any

import pytest

from console.providers import fetching
from console.providers.fetching import Unfetched
from tests import certificates
from tests.oidc_provider import Provider

VARIABLE = "GATEWRIGHT_PROVIDER_NETWORKS"
DOCUMENT = "/.well-known/openid-configuration"


@pytest.fixture
def elsewhere(settings: Any) -> Any:
    """A console that others reach, too."""
    settings.CONSOLE_URL = "https://console.example.com"
    settings.PROVIDER_NETWORKS = ()
    return settings


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """At https://localhost, by a certificate that the console trusts."""
    certificate, key = tmp_path / "crt.pem", tmp_path / "key.pem"
    certificates.write(certificate, key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    fetching.trusted.cache_clear()
    provider = Provider(tls=tls)
    yield provider
    provider.stop()
    fetching.trusted.cache_clear()


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a00:1]",
        "localhost",
    ],
)
def test_an_address_inside_is_not_asked(host: str, elsewhere: Any) -> None:
    with pytest.raises(Unfetched, match=VARIABLE):
        fetching.get_json(f"https://{host}:1/")


def test_one_inside_is_asked_where_the_operator_names_its_network(acme: Provider, elsewhere: Any) -> None:
    with pytest.raises(Unfetched, match=VARIABLE):
        fetching.get_json(acme.issuer + DOCUMENT)
    assert acme.asked == []

    elsewhere.PROVIDER_NETWORKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

    assert fetching.get_json(acme.issuer + DOCUMENT)["issuer"] == acme.issuer
    assert acme.asked == [DOCUMENT]


def test_networks_of_webhooks_are_not_those_of_providers(acme: Provider, elsewhere: Any) -> None:
    elsewhere.DESTINATION_NETWORKS = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

    with pytest.raises(Unfetched, match=VARIABLE):
        fetching.get_json(acme.issuer + DOCUMENT)


def test_its_certificate_must_be_of_its_name(acme: Provider, elsewhere: Any) -> None:
    elsewhere.PROVIDER_NETWORKS = (ip_network("127.0.0.0/8"),)
    port = acme.issuer.rpartition(":")[2]

    with pytest.raises(Unfetched, match="certificate is not valid for"):
        fetching.get_json(f"https://127.1:{port}{DOCUMENT}")

    assert acme.asked == []


class Proxy:
    """Says no to everybody; what it was asked for is kept."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked = self.asked

        class Handler(StreamRequestHandler):
            def handle(self) -> None:
                asked.append(self.rfile.readline().decode().split(" HTTP")[0])
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")

        self.server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    made = Proxy()
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{made.server.server_address[1]}")
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_the_proxy_of_the_environment_looks_up_what_cannot_be_looked_up_here(
    proxy: Proxy, elsewhere: Any
) -> None:
    with pytest.raises(Unfetched, match="403"):
        fetching.get_json("https://login.invalid/realms/acme")

    assert proxy.asked == ["CONNECT login.invalid:443"]


def test_the_proxy_is_no_way_inside(proxy: Proxy, elsewhere: Any) -> None:
    with pytest.raises(Unfetched, match=VARIABLE):
        fetching.get_json("https://10.0.0.1/")

    assert proxy.asked == []


def test_a_slow_provider_holds_few_threads_and_others_are_asked_meanwhile(acme: Provider) -> None:
    come, let_go = Semaphore(0), Event()

    class Waiting(StreamRequestHandler):
        def handle(self) -> None:
            come.release()
            let_go.wait(fetching.SECONDS)

    with ThreadingTCPServer(("127.0.0.1", 0), Waiting) as slow, ThreadPoolExecutor(8) as threads:
        Thread(target=slow.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{slow.server_address[1]}/"
        waiting = [threads.submit(fetching.get_json, address) for _ in range(fetching.MOST_OF_HOST)]
        for _ in waiting:
            come.acquire()

        with pytest.raises(fetching.Crowded):
            fetching.get_json(address)
        assert fetching.get_json(acme.issuer + DOCUMENT)["issuer"] == acme.issuer

        let_go.set()
        assert all(isinstance(one.exception(), Unfetched) for one in waiting)
        slow.shutdown()


def test_answer_that_comes_header_by_header_is_not_waited_for() -> None:
    class Dripping(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(50):
                # As many as make thrice the time that an answer has.
                if Event().wait(3 * fetching.SECONDS / 50) or not self._dripped():
                    return
            self.wfile.write(b"content-length: 2\r\n\r\n{}")

        def _dripped(self) -> bool:
            try:
                self.wfile.write(b"x-slow: yes\r\n")
            except OSError:
                return False
            return True

    with ThreadingTCPServer(("127.0.0.1", 0), Dripping) as slow:
        Thread(target=slow.serve_forever, daemon=True).start()

        with pytest.raises(Unfetched, match="within"):
            fetching.get_json(f"http://127.0.0.1:{slow.server_address[1]}/")
        slow.shutdown()


@pytest.mark.parametrize(
    "address",
    [
        "https://[login",
        "https://login\u2100example.com/",
        "https://login:x/",
        "https://login:010/",
        "https://login:0/",
    ],
)
def test_what_no_program_reads_as_an_address_is_told(address: str) -> None:
    assert "no address" in fetching.fault_of(address)
