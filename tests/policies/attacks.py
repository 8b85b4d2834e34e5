"""Forged and twisted tokens, by name: each is to be refused by an API whose issuer signs with the keys below.

They are made here, of keys that are new each time; the kinds of trick are those of RFC 8725 and of what is
known of JOSE libraries. Wycheproof's own tokens sign texts that are no claims: what it says of signatures is
done to claims in jwt_validation/test_vectors.py. Its keys are in test_jwks.py.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Token = str | list[tuple[str, str]]
"""A token, or the headers of a whole request."""
P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of the curve P-256."""
L25519 = 2**252 + 27742317777372353535851937790883648493
"""The order of the curve Ed25519."""
NO_ALGORITHMS = ("RS1", "RS255", "HS256", "ES256K", "RSA-OAEP", "dir", "A128KW")
EVE = {"sub": "eve", "exp": 9_999_999_999}


def part(value: Any) -> str:
    """A part of a token; a text or bytes as they are, else as JSON."""
    raw = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else None
    raw = json.dumps(value).encode() if raw is None else raw
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def signed(head: Any, payload: Any, key: Any, algorithm: str) -> str:
    """Signed so, whatever the head says."""
    text = f"{part(head)}.{part(payload)}"
    return f"{text}.{part(signature(text.encode(), key, algorithm))}"


def signature(text: bytes, key: Any, algorithm: str) -> bytes:
    digest = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}.get(
        algorithm[2:], hashes.SHA256
    )
    match key, algorithm[:2]:
        case rsa.RSAPrivateKey(), "PS":
            salted = padding.PSS(padding.MGF1(digest()), digest().digest_size)
            return key.sign(text, salted, digest())
        case rsa.RSAPrivateKey(), _:
            return key.sign(text, padding.PKCS1v15(), digest())
        case ec.EllipticCurvePrivateKey(), _:
            r, s = decode_dss_signature(key.sign(text, ec.ECDSA(digest())))
            return raw(r, s, (key.key_size + 7) // 8)
        case ed25519.Ed25519PrivateKey(), _:
            return key.sign(text)
        case bytes(), _:
            return hmac.new(key, text, digest().name).digest()
    raise AssertionError(algorithm)


def raw(r: int, s: int, size: int = 32) -> bytes:
    return r.to_bytes(size) + s.to_bytes(size)


def public(key: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    made: bytes = key.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
    return made


def unsigned(good: str) -> Iterator[tuple[str, Token]]:
    _, payload, sign = good.split(".")
    for name in ("none", "None", "NONE", "nOnE", "", " none", "null"):
        head = part({"alg": name, "typ": "JWT"})
        yield f"alg {name!r} without a signature", f"{head}.{part(EVE)}."
        yield f"alg {name!r} with another's signature", f"{head}.{payload}.{sign}"
    for head in (
        {},
        {"alg": None},
        {"alg": 0},
        {"alg": ["none"]},
        {"alg": {}},
        {"alg": True},
        [],
        "none",
        1,
        None,
    ):
        yield f"head {json.dumps(head)}", f"{part(head)}.{payload}.{sign}"
    yield "no signature", good.rpartition(".")[0]
    yield "an empty signature", good.rpartition(".")[0] + "."
    yield "two parts", f"{part({'alg': 'none'})}.{part(EVE)}"


def confused(key: Any, alg: str, other: Any, kid: dict[str, str]) -> Iterator[tuple[str, Token]]:
    """What is known of everybody, or another's key, in the place of the issuer's."""
    for form, encoding in {"PEM": Encoding.PEM, "DER": Encoding.DER}.items():
        for bits in ("256", "384", "512"):
            head = {"alg": f"HS{bits}", **kid}
            yield (
                f"HS{bits} by the {form}",
                signed(head, EVE, public(key, encoding), f"HS{bits}"),
            )
    bare = b"".join(public(key).splitlines()[1:-1])
    for name, secret in {
        "the bare key": bare,
        "its PEM without the last line end": public(key).strip(),
    }.items():
        yield f"HS256 by {name}", signed({"alg": "HS256", **kid}, EVE, secret, "HS256")
    yield "HS256 by nothing", signed({"alg": "HS256", **kid}, EVE, b"", "HS256")
    yield "another's key", signed({"alg": alg, **kid}, EVE, other, alg)
    for wrong in (alg.lower(), f"{alg} ", f"{alg}\0", *NO_ALGORITHMS):
        yield f"alg {wrong!r} by the right key", signed({"alg": wrong, **kid}, EVE, key, alg)


def named(alg: str, eve: Any, jwk: dict[str, Any], url: str) -> Iterator[tuple[str, Token]]:
    """Signed by a key that the token brings along, or names where it is."""
    for kid in (
        "../../../../dev/null",
        "/dev/null",
        "file:///etc/passwd",
        "x' UNION SELECT 'secret'--",
        "$(id)",
        "one\0",
        "k" * 5000,
        "",
        1,
        None,
        ["one"],
        {"kid": "one"},
        True,
    ):
        shown = json.dumps(kid)[:40]
        yield f"kid {shown}", signed({"alg": alg, "kid": kid}, EVE, eve, alg)
    yield "jwk", signed({"alg": alg, "jwk": jwk}, EVE, eve, alg)
    yield "jwk with the issuer's kid", signed({"alg": alg, "kid": "one", "jwk": jwk}, EVE, eve, alg)
    for name in ("jku", "x5u", "iss"):
        yield name, signed({"alg": alg, name: url}, EVE | {"iss": url}, eve, alg)
    yield (
        "x5c",
        signed({"alg": alg, "x5c": [base64.b64encode(public(eve, Encoding.DER)).decode()]}, EVE, eve, alg),
    )


def twisted(good: str, key: Any, alg: str) -> Iterator[tuple[str, Token]]:
    """The issuer's own words, said otherwise."""
    head, payload, sign = good.split(".")
    yield "payload of somebody else", f"{head}.{part(EVE)}.{sign}"
    yield "head of somebody else", f"{part({'alg': alg, 'kid': 'eve'})}.{payload}.{sign}"
    yield "four parts", f"{good}.{sign}"
    yield "five parts, as JWE", f"{part({'alg': 'dir', 'enc': 'A128GCM'})}..{payload}.{payload}.{sign}"
    yield "a dot before", f".{good}"
    yield "a dot behind", f"{good}."
    yield "signature cut", good[:-8]
    yield "signature twice", f"{good}{sign}"
    yield "signature of zeros", f"{head}.{payload}.{part(bytes(len(sign) * 3 // 4))}"
    yield "signature of ones", f"{head}.{payload}.{part(bytes((255,)) * (len(sign) * 3 // 4))}"
    yield "signature of one byte", f"{head}.{payload}.{part(b'x')}"
    yield "padding", f"{good}=="
    yield "no base64", f"{head}.{payload}.%%%%"
    yield "blanks within", f"{head}. {payload}.{sign}"
    yield "JSON", json.dumps({"payload": payload, "protected": head, "signature": sign})
    for crit in ([], ["exp"], ["b64"], "exp", None, {}, ["alg", "kid"]):
        yield (
            f"crit {json.dumps(crit)}",
            signed({"alg": alg, "crit": crit or ["x"], "b64": False}, EVE, key, alg),
        )
    for name, text in {
        "doubled alg, none first": '{"alg":"none","alg":"%s"}',
        "doubled alg, none last": '{"alg":"%s","alg":"none"}',
    }.items():
        yield name, f"{part(text % alg)}.{part(EVE)}."
    for said in ("", "[]", "1", '"eve"', "{", "eve", b"\xff\xfe", "[" * 20_000, '{"a":' * 5_000):
        yield f"payload {said[:10]!r}, well signed", signed({"alg": alg}, said, key, alg)
    for exp in ("soon", "9999999999", [9_999_999_999], {}, True, -1, 0, 1e-9):
        yield f"exp {exp!r}, well signed", signed({"alg": alg}, {"sub": "eve", "exp": exp}, key, alg)
    for nbf in (9_999_999_999, "0", [], True):
        yield f"nbf {nbf!r}, well signed", signed({"alg": alg}, EVE | {"nbf": nbf}, key, alg)
    yield "40 kB", signed({"alg": alg}, {**EVE, "pad": "x" * 40_000}, key, alg)[:-4]


def several(good: str, eve: str) -> Iterator[tuple[str, Token]]:
    """More than one token: which of them others would read cannot be told."""
    for name, values in {
        "the good one first": [f"Bearer {good}", f"Bearer {eve}"],
        "the good one last": [f"Bearer {eve}", f"Bearer {good}"],
        "one header, by commas": [f"Bearer {good}, Bearer {eve}"],
        "one header, by commas, the good one last": [f"Bearer {eve}, Bearer {good}"],
        "another scheme before": [f"Basic ZXZlOg==, Bearer {good}"],
        "by blanks": [f"Bearer {good} {eve}"],
        "by blanks, the good one last": [f"Bearer {eve} {good}"],
        "scheme twice": [f"Bearer Bearer {good}"],
        "another scheme": [f"BearerX {good}"],
        "a scheme that ends so": [f"XBearer {good}"],
        "a parameter": [f"Bearer token={good}"],
    }.items():
        yield name, [("authorization", value) for value in values]


def of_curve(good: str, key: ec.EllipticCurvePrivateKey) -> Iterator[tuple[str, Token]]:
    """Signatures that are none, or that are written otherwise."""
    text = good.rpartition(".")[0]
    r = int.from_bytes(base64.urlsafe_b64decode(good.rpartition(".")[2] + "==")[:32])
    s = int.from_bytes(base64.urlsafe_b64decode(good.rpartition(".")[2] + "==")[32:])
    for name, sign in {
        "r and s are 0": raw(0, 0),
        "r is 0": raw(0, s),
        "s is 0": raw(r, 0),
        "r is the order": raw(P256, s),
        "s is the order": raw(r, P256),
        "both are the order": raw(P256, P256),
        "r is 1, s is 0": raw(1, 0),
        "both are 1": raw(1, 1),
        "r and s changed": raw(s, r),
        "33 bytes each": b"\0" + r.to_bytes(32) + b"\0" + s.to_bytes(32),
        "31 bytes each": raw(r, s)[1:-1],
        "as DER": key.sign(text.encode(), ec.ECDSA(hashes.SHA256())),
        "another hash": signature(text.encode(), key, "ES384"),
    }.items():
        yield name, f"{text}.{part(sign)}"


def of_rsa(good: str, key: rsa.RSAPrivateKey) -> Iterator[tuple[str, Token]]:
    text, _, sign = good.rpartition(".")
    value = int.from_bytes(base64.urlsafe_b64decode(sign + "=="))
    modulus, size = key.public_key().public_numbers().n, key.key_size // 8
    digest = hashlib.sha256(text.encode()).digest()
    for name, made in {
        "0": bytes(size),
        "1": (1).to_bytes(size),
        "the modulus": modulus.to_bytes(size),
        "the modulus less 1": (modulus - 1).to_bytes(size),
        "longer by a zero": b"\0" + value.to_bytes(size),
        "and the modulus": (value + modulus).to_bytes(size + 1),
        "the hash itself": digest.rjust(size, b"\0"),
        "the padded hash, not signed": b"\0\1" + b"\xff" * (size - 35) + b"\0" + digest,
        "another hash": signature(text.encode(), key, "RS512"),
        "PS256 said to be RS256": signature(text.encode(), key, "PS256"),
    }.items():
        yield f"signature: {name}", f"{text}.{part(made)}"
    yield "RS256 said to be PS256", signed({"alg": "PS256"}, EVE, key, "RS256")


def of_edwards(good: str) -> Iterator[tuple[str, Token]]:
    text, _, sign = good.rpartition(".")
    made = base64.urlsafe_b64decode(sign + "==")
    s = int.from_bytes(made[32:], "little")
    yield "s and the order", f"{text}.{part(made[:32] + (s + L25519).to_bytes(32, 'little'))}"
    small = {"0": bytes(32), "1": b"\1" + bytes(31), "of small order": b"\xec" + b"\xff" * 30 + b"\x7f"}
    for name, r in small.items():
        yield f"r is {name}, s is 0", f"{text}.{part(r + bytes(32))}"
        yield f"r is {name}", f"{text}.{part(r + made[32:])}"
