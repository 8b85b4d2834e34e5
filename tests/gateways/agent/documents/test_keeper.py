"""Documents from an issuer on loopback: fetched, kept, and what they are when it is away, slow or lying."""

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.agent.documents.keeper import Documents
from policies.documents import asking
from policies.documents.document import MOST_BYTES, Document
from policies.documents.jwks import KEY_SET
from tests.certificates import write
from tests.policies.issuer import OTHER, RSA, Issuer, key_set
from tests.traffic.upstream import serving
from tests.waiting import wait_until

SECONDS = 20
LIES = {
    "a page": b"<!doctype html><title>Sign in</title>",
    "nothing": b"",
    "no keys": b'{"keys": []}',
    "another document": b'{"issuer": "https://issuer.example.com"}',
    "a list": b"[]",
    "keys that are none": b'{"keys": [{"kty": "RSA"}, 1, null, {"kty": "oct", "k": "c2VjcmV0"}]}',
    "depth": b"[" * 200_000,
    "too much": b'{"keys": [' + b" " * MOST_BYTES + b"]}",
    "too many": b'{"keys": [' + b",".join([b"{}"] * 101) + b"]}",
}


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving(Issuer()) as server:
        yield server


@pytest.fixture
def documents(tmp_path: Path) -> Iterator[Documents]:
    kept = Documents(tmp_path)
    yield kept
    kept.close()


def of(issuer: Issuer, timeout: float = 10, ttl: float = 3600) -> Document:
    return Document(issuer.url, KEY_SET, ttl, timeout)


def had(documents: Documents, document: Document) -> str | None:
    """Its text, once it was tried."""
    documents.want([document])
    documents.wait([document], SECONDS)
    return documents.get(document)


def ask(state: Path, document: Document) -> None:
    """As a script does."""
    with asking.path(state).open("r+b") as page:
        page.seek(asking.place(document))
        page.write(b"\1")


def kids(text: str | None) -> set[str]:
    return {key["kid"] for key in json.loads(text or '{"keys": []}')["keys"]}


def test_a_document_is_fetched_once_and_kept_for_its_owner_alone(
    documents: Documents, issuer: Issuer, tmp_path: Path
) -> None:
    text = had(documents, of(issuer))
    for _ in range(3):
        documents.want([of(issuer)])

    assert kids(text) == {"one"}
    assert issuer.asked == 1
    (file,) = (tmp_path / "documents").glob("*.json")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_what_was_had_survives_the_process_with_the_issuer_away(
    documents: Documents, issuer: Issuer, tmp_path: Path
) -> None:
    text = had(documents, of(issuer, ttl=0.5))
    documents.close()
    issuer.status = 500
    time.sleep(0.5)

    began = time.monotonic()
    successor = Documents(tmp_path)
    assert had(successor, of(issuer, ttl=0.5)) == text
    assert time.monotonic() - began < SECONDS / 2

    wait_until(lambda: bool(successor.troubles()), SECONDS)
    assert successor.get(of(issuer)) == text
    assert "counts on" in successor.troubles()[0]
    successor.close()


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_no_document_and_replaces_none(
    documents: Documents, issuer: Issuer, tmp_path: Path, lie: str
) -> None:
    text = had(documents, of(issuer))

    issuer.body = LIES[lie]
    ask(tmp_path, of(issuer))

    wait_until(lambda: bool(documents.troubles()), SECONDS)
    assert documents.get(of(issuer)) == text
    assert "Sign in" not in documents.troubles()[0]


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_at_first_leaves_nothing(documents: Documents, issuer: Issuer, lie: str) -> None:
    issuer.body = LIES[lie]

    assert had(documents, of(issuer)) is None
    assert "It never was" in documents.troubles()[0]


def test_redirects_compression_and_failures_are_refused(documents: Documents, issuer: Issuer) -> None:
    with serving(Issuer()) as elsewhere:
        for status, headers, said in (
            (302, {"location": elsewhere.url}, "names another address"),
            (307, {"location": "/other"}, "names another address"),
            (200, {"content-encoding": "gzip"}, "compressed"),
            (404, {}, "it answers 404"),
            (204, {}, "it answers 204"),
        ):
            issuer.status, issuer.headers = status, headers
            documents.want([])
            assert had(documents, of(issuer)) is None
            assert said in documents.troubles()[0]
        assert elsewhere.asked == 0


@pytest.mark.parametrize(("delay", "drip"), [(60, 0), (0, 0.2)], ids=["silent", "dripping"])
def test_slowness_has_an_end(documents: Documents, issuer: Issuer, delay: float, drip: float) -> None:
    issuer.delay, issuer.drip = delay, drip

    assert had(documents, of(issuer, timeout=0.5)) is None
    assert "no answer within 0.5 s" in documents.troubles()[0]


def test_nobody_waits_longer_than_said(documents: Documents, issuer: Issuer) -> None:
    issuer.delay = 60
    documents.want([of(issuer, timeout=60)])
    began = time.monotonic()

    documents.wait([of(issuer)], 0.2)

    assert time.monotonic() - began < SECONDS


def test_a_slow_issuer_holds_up_no_other(documents: Documents, issuer: Issuer) -> None:
    issuer.delay = 60
    with serving(Issuer()) as other:
        documents.want([of(issuer, timeout=60), of(other)])
        documents.wait([of(other)], SECONDS)

        assert documents.get(of(other))


def test_an_issuer_that_comes_back_is_met(documents: Documents, issuer: Issuer) -> None:
    changes: list[str | None] = []
    documents.changed = lambda: changes.append(documents.get(of(issuer)))
    issuer.status = 503
    assert had(documents, of(issuer)) is None

    issuer.status = 200

    wait_until(lambda: len(changes) == 1, SECONDS)
    assert kids(changes[0]) == {"one"}
    assert documents.troubles() == []


def test_a_document_is_looked_at_again_and_a_change_is_told_once(
    documents: Documents, issuer: Issuer
) -> None:
    changes: list[str | None] = []
    documents.changed = lambda: changes.append(documents.get(of(issuer)))
    had(documents, of(issuer, ttl=0.2))
    wait_until(lambda: issuer.asked >= 3, SECONDS)
    assert [kids(one) for one in changes] == [{"one"}]

    issuer.body = key_set(two=OTHER)
    wait_until(lambda: len(changes) == 2, SECONDS)
    assert kids(changes[1]) == {"two"}
    issuer.body = json.dumps({**json.loads(issuer.body), "at": 1}).encode()
    asked = issuer.asked
    wait_until(lambda: issuer.asked >= asked + 3, SECONDS)

    assert len(changes) == 2


def test_scripts_have_it_fetched_anew_and_not_at_will(
    documents: Documents, issuer: Issuer, tmp_path: Path
) -> None:
    had(documents, of(issuer))
    issuer.body = key_set(one=RSA, two=OTHER)

    ask(tmp_path, of(issuer))
    wait_until(lambda: kids(documents.get(of(issuer))) == {"one", "two"}, SECONDS)
    for _ in range(4):
        ask(tmp_path, of(issuer))
        wait_until(lambda: not asking.path(tmp_path).read_bytes().strip(b"\0"), SECONDS)

    assert issuer.asked == 2


def test_what_nobody_wants_is_not_fetched(documents: Documents, issuer: Issuer) -> None:
    had(documents, of(issuer, ttl=0.2))
    with serving(Issuer()) as other:
        documents.want([of(other, ttl=0.2)])
        wait_until(lambda: other.asked >= 3, SECONDS)
        asked = issuer.asked
        wait_until(lambda: other.asked >= 6, SECONDS)

        assert issuer.asked == asked


def test_the_strictest_time_to_live_counts(documents: Documents, issuer: Issuer) -> None:
    had(documents, of(issuer))

    documents.want([of(issuer), of(issuer, ttl=0.2)])

    wait_until(lambda: issuer.asked >= 3, SECONDS)


def test_a_damaged_file_is_as_none(documents: Documents, issuer: Issuer, tmp_path: Path) -> None:
    had(documents, of(issuer))
    (file,) = (tmp_path / "documents").glob("*.json")
    for content in (b"", b"{", b'{"text": "<html>"}', b"[]", file.read_bytes()[:-30]):
        file.write_bytes(content)

        assert Documents(tmp_path).get(of(issuer)) is None


def test_https_is_verified(
    documents: Documents, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "crt.pem", tmp_path / "key.pem"
    write(certificate, key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    issuer.socket = context.wrap_socket(issuer.socket, server_side=True)
    document = Document(issuer.url.replace("http:", "https:"), KEY_SET, 3600)

    assert had(documents, document) is None
    assert "CERTIFICATE_VERIFY_FAILED" in documents.troubles()[0]

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    trusting = Documents(tmp_path / "other")
    assert kids(had(trusting, document)) == {"one"}
    trusting.close()
    other_name = Document(document.url.replace("127.0.0.1", "0.0.0.0"), KEY_SET, 3600)
    stranger = Documents(tmp_path / "third")
    assert had(stranger, other_name) is None
    assert "mismatch" in stranger.troubles()[0]
    stranger.close()


def test_many_are_kept(documents: Documents, issuer: Issuer) -> None:
    many = [Document(f"{issuer.url}?{number}", KEY_SET, 3600) for number in range(200)]
    documents.want(many)
    documents.wait(many, 3 * SECONDS)

    assert all(documents.get(one) for one in many)
