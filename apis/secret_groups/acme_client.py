"""Asks an ACME CA for a certificate, by certbot's library; who answers its challenges is the caller's."""

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
AGENT = "gatewright"


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


def obtain(
    wanted: CertificateOrder, account: Mapping[str, Any], answer: Callable[[list[list[str]]], None]
) -> tuple[str, str, str]:
    """(chain, key, the account's URI). `answer` has [token, text] served before it returns.

    Raises CertificateRefused.
    """
    try:
        return _obtain(wanted, account, answer)
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


def _obtain(
    wanted: CertificateOrder, account: Mapping[str, Any], answer: Callable[[list[list[str]]], None]
) -> tuple[str, str, str]:
    key: Any = josepy.JWKEC.from_json(dict(account["key"]))
    net = client.ClientNetwork(key, alg=josepy.ES256, user_agent=AGENT, timeout=TIMEOUT_SECONDS)
    directory = client.ClientV2.get_directory(wanted.directory, net)
    asked = client.ClientV2(directory, net)
    uri = _registered(asked, directory, key, wanted, str(account.get("uri") or ""))
    private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    csr = crypto_util.make_csr(private, list(wanted.names))
    try:
        order = asked.new_order(csr)
    except messages.Error as error:
        if error.code != "accountDoesNotExist":
            raise
        # CAs forget accounts: those of tests with each start.
        asked.net.account = None
        uri = _registered(asked, directory, key, wanted, "")
        order = asked.new_order(csr)
    todo = [_http_challenge(one) for one in order.authorizations if one.body.status != messages.STATUS_VALID]
    served = [[one.chall.encode("token"), one.chall.validation(key)] for one in todo]
    answer(served)
    for one in todo:
        asked.answer_challenge(one, one.chall.response(key))
    # The library compares with the machine's own time, without a zone.
    order = asked.poll_and_finalize(order, datetime.now() + DEADLINE)
    return str(order.fullchain_pem), private.decode(), uri


def _registered(
    asked: client.ClientV2, directory: messages.Directory, key: josepy.JWK, wanted: CertificateOrder, uri: str
) -> str:
    if uri:
        asked.net.account = messages.RegistrationResource(uri=uri, body=messages.Registration())
        return uri
    binding = None
    if wanted.eab_kid:
        binding = messages.ExternalAccountBinding.from_data(
            key.public_key(), wanted.eab_kid, wanted.eab_key, directory
        )
    told = messages.NewRegistration.from_data(
        email=wanted.email or None, terms_of_service_agreed=True, external_account_binding=binding
    )
    try:
        return str(asked.new_account(told).uri)
    except errors.ConflictError as known:
        asked.net.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())
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
