"""Asks an ACME CA for a certificate, by certbot's library; who answers its challenges is the caller's."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import josepy
import requests
from acme import challenges, client, crypto_util, errors, messages
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

TIMEOUT_SECONDS = 20
DEADLINE = timedelta(seconds=90)
"""For the CA to look at the names and to sign."""
WHOLE_SECONDS = 300
"""For all that it is asked: fifty names take some 150 requests, of a slow one 20 s each."""
AGENT = "gatewright"
Account = Mapping[str, Any]
"""Its key, as JSON, and its URI at the CA, "" as long as there is none."""


class CertificateRefused(Exception):
    """The CA does not give one, or cannot be asked; the words say why."""


@dataclass(frozen=True)
class CertificateOrder:
    directory: str
    names: Sequence[str]
    email: str = ""
    eab_kid: str = ""
    eab_key: str = ""


def new_key() -> dict[str, Any]:
    """Of an account, as JSON."""
    found: dict[str, Any] = josepy.JWKEC(key=ec.generate_private_key(ec.SECP256R1())).to_json()
    return found


@dataclass(frozen=True)
class Applicant:
    """Who asks. `answer` has [token, text] served before it returns; `keep` keeps an account that was opened,
    whatever comes of the order: CAs open few in an hour.
    """

    account: Account
    answer: Callable[[list[list[str]]], None]
    keep: Callable[[Account], None]
    whole_seconds: float = WHOLE_SECONDS


class _Network(client.ClientNetwork):
    """That of certbot's library, which ends in time whatever a CA takes for each answer."""

    until: float

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:
        left = self.until - time.monotonic()
        if left <= 0:
            raise errors.TimeoutError
        try:
            return super()._send_request(method, url, *args, **kwargs, timeout=min(TIMEOUT_SECONDS, left))
        except requests.Timeout:
            if left < TIMEOUT_SECONDS:
                raise errors.TimeoutError from None
            raise


def obtain(wanted: CertificateOrder, asking: Applicant) -> tuple[str, str]:
    """(chain, key). Raises CertificateRefused."""
    try:
        return _obtain(wanted, asking)
    except errors.ValidationError as error:
        raise CertificateRefused(_why_invalid(error)) from error
    except messages.Error as error:
        raise CertificateRefused(_why(error)) from error
    except errors.IssuanceError as error:
        raise CertificateRefused(_why(error.error)) from error
    except errors.TimeoutError as error:
        raise CertificateRefused("The CA did not decide in time; it is asked again.") from error
    except requests.RequestException as error:
        raise CertificateRefused(f"The CA cannot be reached: {type(error).__name__}.") from error
    except (errors.Error, josepy.errors.Error, ValueError, KeyError) as error:
        raise CertificateRefused(f"The CA answers what cannot be read: {type(error).__name__}.") from error


def _obtain(wanted: CertificateOrder, asking: Applicant) -> tuple[str, str]:
    key: Any = josepy.JWKEC.from_json(dict(asking.account["key"]))
    net = _Network(key, alg=josepy.ES256, user_agent=AGENT)
    net.until = time.monotonic() + asking.whole_seconds
    asked = client.ClientV2(client.ClientV2.get_directory(wanted.directory, net), net)
    private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    order = _ordered(asked, wanted, asking, crypto_util.make_csr(private, list(wanted.names)))
    todo = [_http_challenge(one) for one in order.authorizations if one.body.status != messages.STATUS_VALID]
    served = [[one.chall.encode("token"), one.chall.validation(net.key)] for one in todo]
    asking.answer(served)
    for one in todo:
        asked.answer_challenge(one, one.chall.response(net.key))
    # The library compares with the machine's own time, without a zone.
    order = asked.poll_and_finalize(order, datetime.now() + DEADLINE)
    return str(order.fullchain_pem), private.decode()


def _ordered(
    asked: client.ClientV2, wanted: CertificateOrder, asking: Applicant, csr: bytes
) -> messages.OrderResource:
    """By the account that there is; CAs of tests forget accounts with each start, others deactivate some."""
    uri = str(asking.account.get("uri") or "")
    if not uri:
        _open(asked, wanted, asking)
        return asked.new_order(csr)
    _become(asked, uri)
    try:
        return asked.new_order(csr)
    except messages.Error as error:
        if error.code != "accountDoesNotExist" and not (error.code == "unauthorized" and _is_closed(asked)):
            raise
    _open(asked, wanted, asking)
    return asked.new_order(csr)


def _is_closed(asked: client.ClientV2) -> bool:
    """Whether the CA says of the account itself that it is good for nothing any more."""
    account: Any = asked.net.account
    try:
        found = asked.query_registration(account)
    except messages.Error as error:
        return error.code == "unauthorized"
    return found.body.status not in (None, "valid")


def _open(asked: client.ClientV2, wanted: CertificateOrder, asking: Applicant) -> None:
    """By the account's key; by a new one where the CA has closed that account, since it stays closed."""
    net: Any = asked.net
    try:
        uri = _registered(asked, wanted)
        _become(asked, uri)
        if _is_closed(asked):
            raise messages.Error.with_code("unauthorized")
    except messages.Error as error:
        if error.code != "unauthorized":
            raise
        net.key = josepy.JWKEC.from_json(new_key())
        uri = _registered(asked, wanted)
        _become(asked, uri)
    asking.keep({"key": net.key.to_json(), "uri": uri})


def _become(asked: client.ClientV2, uri: str) -> None:
    asked.net.account = messages.RegistrationResource(uri=uri, body=messages.Registration())


def _registered(asked: client.ClientV2, wanted: CertificateOrder) -> str:
    """The URI of the account of this key, which is opened unless it is there."""
    net: Any = asked.net
    net.account, binding = None, None
    if wanted.eab_kid:
        binding = messages.ExternalAccountBinding.from_data(
            net.key.public_key(), wanted.eab_kid, wanted.eab_key, asked.directory
        )
    told = messages.NewRegistration.from_data(
        email=wanted.email or None, terms_of_service_agreed=True, external_account_binding=binding
    )
    try:
        return str(asked.new_account(told).uri)
    except errors.ConflictError as known:
        return str(known.location)


def _http_challenge(authorization: messages.AuthorizationResource) -> messages.ChallengeBody:
    for one in authorization.body.challenges:
        if isinstance(one.chall, challenges.HTTP01):
            return one
    raise CertificateRefused(f"The CA offers no HTTP-01 for {authorization.body.identifier.value}.")


def _why(error: messages.Error) -> str:
    return f"The CA refuses: {error.detail or error.description or error.typ}"


def _why_invalid(error: errors.ValidationError) -> str:
    for one in error.failed_authzrs:
        for tried in one.body.challenges:
            if tried.error is not None:
                return f"{one.body.identifier.value}: {tried.error.detail or tried.error.typ}"
    return "The CA could not see that the names are ours."
