"""Which certificates and keys a gateway serves with, and why it refuses others."""

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from pydantic import ValidationError

from gateways.agent.translate.tls import InboundConfig
from gateways.protocol import tls
from tests.certificates import self_signed

PAIR = self_signed()
OTHER = self_signed()


def pem(key: object, passphrase: bytes = b"") -> str:
    lock = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()  # type: ignore[attr-defined]


def test_a_certificate_with_its_issuers_fits_its_key() -> None:
    assert tls.mismatch(PAIR["crt"] + OTHER["crt"], PAIR["key"]) is None


@pytest.mark.parametrize(
    ("crt", "key", "part", "words"),
    [
        ("hello", PAIR["key"], "crt", "is not a PEM certificate"),
        (PAIR["crt"], "hello", "key", "is not a PEM private key without a passphrase"),
        (PAIR["crt"], pem(ec.generate_private_key(ec.SECP256R1()), b"x"), "key", "without a passphrase"),
        (PAIR["crt"], OTHER["key"], "key", "belongs to another certificate"),
        (OTHER["crt"] + PAIR["crt"], PAIR["key"], "crt", "at place 2; put it first"),
        (PAIR["crt"], pem(rsa.generate_private_key(65537, 1024)), "key", "has 1024 bits; use 2048 or more"),
        (PAIR["crt"], pem(ec.generate_private_key(ec.SECP256K1())), "key", "on the curve secp256k1"),
        (PAIR["crt"], pem(dsa.generate_private_key(2048)), "key", "use RSA, ECDSA or Ed25519"),
    ],
)
def test_what_envoy_would_not_serve_with_is_named(crt: str, key: str, part: str, words: str) -> None:
    found = tls.mismatch(crt, key)

    assert found is not None
    assert found[0] == part
    assert words in found[1]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"minversion": "1.3", "maxversion": "1.2"}, "maxversion 1.2 is below minversion 1.3"),
        ({"ciphers": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA257"]}, "did you mean"),
        ({"alpn": ["h2", "h3"]}, '"h3" is not a protocol of the gateway; use h2 and http/1.1'),
        ({"requireClientCertificate": True}, "needs trustedCA"),
        ({"trustedCA": "hello"}, "is not a PEM certificate"),
        (
            {"maxversion": "1.2", "ciphers": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]},
            "fits an ECDSA key up to TLS 1.2; use TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        ),
        (
            {"minversion": "1.0", "maxversion": "1.1"},
            "fits an ECDSA key up to TLS 1.1; use TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        ),
        (
            {
                "minversion": "1.1",
                "maxversion": "1.1",
                "ciphers": ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
            },
            "up to TLS 1.1",
        ),
    ],
)
def test_a_configuration_that_lets_nobody_in_is_refused(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        InboundConfig.model_validate({"certificate": PAIR, **fields})

    assert words in str(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"maxversion": "1.2"},
        {"maxversion": "1.2", "ciphers": ["TLS_AES_128_GCM_SHA256"]},
        {"maxversion": "1.2", "ciphers": ["TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"]},
        {"minversion": "1.0", "maxversion": "1.1", "ciphers": ["TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"]},
        {"ciphers": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]},
    ],
)
def test_a_configuration_that_some_client_can_use_is_taken(fields: dict[str, object]) -> None:
    InboundConfig.model_validate({"certificate": PAIR, **fields})


def test_cipher_suites_fit_an_rsa_key_by_its_name() -> None:
    key = pem(rsa.generate_private_key(65537, 2048))

    assert tls.unusable(key, ("TLS_RSA_WITH_AES_128_CBC_SHA",), "1.1") is None
    assert tls.unusable(key, ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",), "1.2") == (
        "none of the cipher suites fits an RSA key up to TLS 1.2; use TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    )
