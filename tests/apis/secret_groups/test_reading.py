"""What files of certificates and keys are told to be; what is wrong with them, and what to do."""

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from apis.certificates import self_signed
from apis.secret_groups.reading import limits, process
from apis.secret_groups.reading.fault import StoreFault
from apis.secret_groups.reading.uploaded import UploadedSecret
from tests.apis.secret_groups import stores
from tests.apis.secret_groups.authority import Authority

CERTIFICATE, KEY = self_signed(["api.example.com"])
OTHER, OTHER_KEY = self_signed(["other.example.com"])
ENDED = Authority("Ended").issued("old.example.com", days=-1)
WEAK = Authority("Weak").issued("weak.example.com", rsa_bits=1024)
ROOT = Authority("Root")
MIDDLE = Authority("Middle", ROOT)
OWN, OWN_KEY = MIDDLE.issued("own.example.com")


def read(kind: str = "keystore", type_: str = "PEM", passphrase: str = "", **files: str | bytes):  # type: ignore[no-untyped-def]
    content = {name: one.encode() if isinstance(one, str) else one for name, one in files.items()}
    return process.read(UploadedSecret(kind, type_, content, passphrase))


def locked(pem: str, passphrase: str) -> bytes:
    key = load_pem_private_key(pem.encode(), None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode()))


@pytest.mark.parametrize("kind", ["PKCS12", "JKS", "JCEKS"])
def test_stores_of_keytool_are_read(kind: str) -> None:
    kept = read("keystore", kind, "changeit", store=stores.keystore(kind))
    trusted = read("truststore", kind, "changeit", store=stores.truststore(kind))

    assert kept["told"]["subject"] == trusted["told"]["subject"] == "edge.example.com"
    assert kept["told"]["key"] == "RSA, 2048 bits"
    assert kept["content"]["key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert kept["content"]["certificate"] == trusted["content"]["trusted_ca"]


def test_chain_is_put_in_order_and_what_belongs_to_none_is_left_out() -> None:
    found = read(certificate=ROOT.pem + OTHER + OWN + MIDDLE.pem, key=OWN_KEY)

    assert found["content"]["certificate"] == OWN + MIDDLE.pem + ROOT.pem
    assert found["told"]["chain_ends"] == "Up to its root, Root."
    assert found["told"]["is_complete"]


def test_missing_issuer_is_told() -> None:
    told = read(certificate=OWN, key=OWN_KEY)["told"]

    assert not told["is_complete"]
    assert told["chain_ends"].startswith("Middle, which signed own.example.com, is not in it")


def test_key_with_a_passphrase_is_opened() -> None:
    asked = UploadedSecret(
        "keystore", "PEM", {"certificate": CERTIFICATE.encode(), "key": locked(KEY, "right")}, "", "right"
    )

    found = process.read(asked)

    assert found["content"] == {"certificate": CERTIFICATE, "key": KEY}


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        (
            UploadedSecret("keystore", "PKCS12", {"store": stores.keystore("PKCS12")}, "wrong"),
            "passphrase",
            "does not open",
        ),
        (
            UploadedSecret("keystore", "PKCS12", {"store": stores.keystore("PKCS12")}),
            "passphrase",
            "is missing",
        ),
        (
            UploadedSecret("keystore", "JKS", {"store": stores.keystore("JKS")}, "wrong"),
            "passphrase",
            "does not open",
        ),
        (
            UploadedSecret("keystore", "JCEKS", {"store": stores.keystore("JCEKS")}, "changeit", "no"),
            "key_passphrase",
            "not open",
        ),
        (
            UploadedSecret("keystore", "JKS", {"store": stores.keystore("JKS")}, "changeit", "", "b"),
            "alias",
            'there is "edge"',
        ),
        (
            UploadedSecret("keystore", "JKS", {"store": stores.truststore("JKS")}, "changeit"),
            "store",
            "it is a truststore",
        ),
        (
            UploadedSecret("keystore", "PKCS12", {"store": stores.keystore("JKS")}, "changeit"),
            "type",
            "Java keystore",
        ),
        (
            UploadedSecret("keystore", "JKS", {"store": stores.keystore("PKCS12")}, "changeit"),
            "store",
            "choose that type",
        ),
        (UploadedSecret("keystore", "PKCS12", {"store": CERTIFICATE.encode()}), "type", "it is PEM"),
        (
            UploadedSecret("keystore", "PEM", {"certificate": KEY.encode(), "key": CERTIFICATE.encode()}),
            "certificate",
            "mixed up",
        ),
        (
            UploadedSecret("keystore", "PEM", {"certificate": CERTIFICATE.encode(), "key": OTHER.encode()}),
            "key",
            "mixed up",
        ),
        (
            UploadedSecret(
                "keystore", "PEM", {"certificate": CERTIFICATE.encode(), "key": OTHER_KEY.encode()}
            ),
            "certificate",
            "another",
        ),
        (
            UploadedSecret("keystore", "PEM", {"certificate": CERTIFICATE.encode()}),
            "key",
            "choose the private key",
        ),
        (
            UploadedSecret("keystore", "PEM", {"certificate": CERTIFICATE.encode(), "key": locked(KEY, "a")}),
            "key_passphrase",
            "give its",
        ),
        (
            UploadedSecret(
                "keystore", "PEM", {"certificate": CERTIFICATE.encode(), "key": locked(KEY, "a")}, "", "b"
            ),
            "key_passphrase",
            "does not open",
        ),
        (
            UploadedSecret("keystore", "PEM", {"certificate": ENDED[0].encode(), "key": ENDED[1].encode()}),
            "certificate",
            "ended on",
        ),
        (
            UploadedSecret("keystore", "PEM", {"certificate": WEAK[0].encode(), "key": WEAK[1].encode()}),
            "key",
            "1024 bits",
        ),
        (
            UploadedSecret("keystore", "JKS", {"store": stores.keystore("JKS")[:400]}, "changeit"),
            "passphrase",
            "damaged",
        ),
        (
            UploadedSecret("keystore", "PKCS12", {"store": b"\x30\x82" + b"\0" * 500}, "changeit"),
            "store",
            "damaged",
        ),
        (UploadedSecret("truststore", "PEM", {"store": KEY.encode()}), "store", "mixed up"),
        (UploadedSecret("truststore", "PEM", {"store": b"hello"}), "store", "no certificate"),
        (
            UploadedSecret("certificate", "PEM", {"certificate": b"\x30\x82"}),
            "certificate",
            "choose the type PKCS12",
        ),
        (
            UploadedSecret("certificate", "PEM", {"certificate": b"-" * (limits.MOST_BYTES + 1)}),
            "certificate",
            "larger than",
        ),
    ],
)
def test_what_cannot_be_taken_says_why_and_where(asked: UploadedSecret, field: str, words: str) -> None:
    with pytest.raises(StoreFault) as refused:
        process.read(asked)

    assert refused.value.field == field
    assert words in str(refused.value)


def test_passphrase_that_is_stretched_without_end_is_given_up() -> None:
    store = stretched(stores.keystore("PKCS12"))

    with pytest.raises(StoreFault, match="stretched too often"):
        read("keystore", "PKCS12", "changeit", store=store)


def test_slow_stores_hold_a_few_threads_alone() -> None:
    """Each is opened in a process of its own, and a thread that serves pages waits for it."""
    slow = UploadedSecret("keystore", "PKCS12", {"store": stretched(stores.keystore("PKCS12"))}, "changeit")
    most = limits.MOST_READ + limits.MOST_WAITING

    with ThreadPoolExecutor(most + 2) as threads:
        read_ = [threads.submit(process.read, slow, wall_seconds=2) for _ in range(most + 2)]
        said = [str(one.exception()) for one in read_]

    assert said.count(process.OTHERS_FIRST) == 2
    assert said.count(process.TOO_MUCH.format(limits.CPU_SECONDS)) == most


def test_pkcs12_that_openssl_makes_is_read() -> None:
    cert, key = x509.load_pem_x509_certificate(OWN.encode()), load_pem_private_key(OWN_KEY.encode(), None)
    chain = [x509.load_pem_x509_certificate(one.pem.encode()) for one in (ROOT, MIDDLE)]
    made = pkcs12.serialize_key_and_certificates(b"own", key, cert, chain, BestAvailableEncryption(b"x"))  # type: ignore[arg-type]
    own = subprocess.run(
        ["openssl", "pkcs12", "-export", "-passout", "pass:x", "-name", "own"],
        input=(OWN_KEY + OWN + MIDDLE.pem).encode(),
        capture_output=True,
        check=True,
    )

    assert (
        read("keystore", "PKCS12", "x", store=made)["content"]["certificate"] == OWN + MIDDLE.pem + ROOT.pem
    )
    assert read("keystore", "PKCS12", "x", store=own.stdout)["content"]["certificate"] == OWN + MIDDLE.pem


def stretched(store: bytes) -> bytes:
    """The same with 0x7FFF_0000 times in the place of the 10,000 that its MAC says: longer by two bytes."""
    at = store.rindex(b"\x02\x02\x27\x10")
    grown = bytearray(store[:at] + b"\x02\x04\x7f\xff\x00\x00" + store[at + 4 :])
    for start in (0, _mac(store)):
        length = int.from_bytes(grown[start + 2 : start + 4], "big") if grown[start + 1] == 0x82 else None
        if length is not None:
            grown[start + 2 : start + 4] = (length + 2).to_bytes(2, "big")
        else:
            grown[start + 1] += 2
    return bytes(grown)


def _mac(store: bytes) -> int:
    """Where the MacData begins: the last SEQUENCE that reaches the file's end with the count in it."""
    at = store.rindex(b"\x02\x02\x27\x10") + 4
    return next(
        start for start in range(at - 100, at) if store[start] == 0x30 and start + 2 + store[start + 1] == at
    )
