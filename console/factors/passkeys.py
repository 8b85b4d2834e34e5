"""Passkeys: made and asked for by the browser, verified by Yubico's `fido2`.

The browser's page must be the very one that the console showed: scheme, name and port.
"""

import json
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.http.request import split_domain_port
from django.utils import timezone
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from console.factors.models import Passkey, SecondFactor
from console.models import User

STATE = "passkey"
"""In a session: the challenge that the browser was given last, and what for."""
MOST_CHARACTERS = 16 * 1024
REFUSED = "The browser's answer does not count; try once more."


def fault_of(request: HttpRequest) -> str:
    """Why browsers offer no passkeys at this address, in words; empty where they do."""
    host = _host(request)
    if not request.is_secure() and host != "localhost":
        return "Browsers offer passkeys over HTTPS alone."
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return ""
    return "Browsers offer passkeys where the console has a name, not an address of numbers."


def to_make(request: HttpRequest, user: User) -> str:
    """What the browser is told to make one, as JSON. One that is on the device already is not made again."""
    factor, _ = SecondFactor.objects.get_or_create(user=user)
    options, state = _server(request).register_begin(
        PublicKeyCredentialUserEntity(
            id=factor.handle.bytes,
            name=user.get_username(),
            display_name=user.get_full_name() or user.get_username(),
        ),
        credentials=_credentials(user.passkeys.all()),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    request.session[STATE] = {"for": "make", **state}
    return _text(options)


def made(request: HttpRequest, answer: str) -> Passkey:
    """Unsaved. Raises ValidationError."""
    state = _state(request, "make")
    try:
        data = _server(request).register_complete(state, RegistrationResponse.from_dict(_read(answer)))
    except (ValueError, TypeError, KeyError, AssertionError):
        raise ValidationError(REFUSED) from None
    credential = data.credential_data
    if credential is None or Passkey.objects.filter(credential_id=credential.credential_id).exists():
        raise ValidationError("This passkey is one of a user already.")
    return Passkey(
        credential_id=credential.credential_id,
        data=bytes(credential),
        host=_host(request),
        counter=data.counter,
    )


def to_ask(request: HttpRequest, user: User) -> str:
    """What the browser is told to prove that it has one of the user's; empty where there is none here."""
    here = _credentials(user.passkeys.filter(host=_host(request)))
    if not here or fault_of(request):
        return ""
    verification = UserVerificationRequirement.PREFERRED
    options, state = _server(request).authenticate_begin(here, user_verification=verification)
    request.session[STATE] = {"for": str(user.pk), **state}
    return _text(options)


def to_ask_anybody(request: HttpRequest) -> str:
    """For a login with nothing else: the device asks for its PIN, a finger or a face."""
    verification = UserVerificationRequirement.REQUIRED
    options, state = _server(request).authenticate_begin(user_verification=verification)
    request.session[STATE] = {"for": "anybody", **state}
    return _text(options)


@transaction.atomic
def proven(request: HttpRequest, answer: str, user: User | None = None) -> User | None:
    """Whose passkey it is, if it counts; of this user alone, where one is named."""
    try:
        state = _state(request, str(user.pk) if user else "anybody")
        response = AuthenticationResponse.from_dict(_read(answer))
        keys = Passkey.objects.select_for_update(of=("self",)).select_related("user")
        key = keys.filter(credential_id=response.raw_id, user__is_active=True).first()
        if key is None or (user is not None and key.user_id != user.pk):
            return None
        _server(request).authenticate_complete(state, _credentials([key]), response)
    except (ValidationError, ValueError, TypeError, KeyError, AssertionError):
        return None
    counter = response.response.authenticator_data.counter
    if (counter or key.counter) and counter <= key.counter:  # a copy of it has been used
        return None
    key.counter, key.last_used_at = counter, timezone.now()
    key.save(update_fields=["counter", "last_used_at"])
    return key.user


def _server(request: HttpRequest) -> Fido2Server:
    origin = f"{request.scheme}://{request.get_host()}"
    rp = PublicKeyCredentialRpEntity(id=_host(request), name="Gatewright")
    return Fido2Server(rp, verify_origin=lambda one: one == origin)


def _credentials(keys: Any) -> Sequence[AttestedCredentialData]:
    return [AttestedCredentialData(bytes(key.data)) for key in keys]


def _state(request: HttpRequest, purpose: str) -> dict[str, Any]:
    """A challenge counts once."""
    state: dict[str, Any] = request.session.pop(STATE, None) or {}
    if state.pop("for", "") != purpose:
        raise ValidationError(REFUSED)
    return state


def _read(answer: str) -> dict[str, Any]:
    if len(answer) > MOST_CHARACTERS:
        raise ValueError
    try:
        found = json.loads(answer)
    except RecursionError:
        raise ValueError from None
    if not isinstance(found, dict):
        raise ValueError
    return found


def _text(options: Any) -> str:
    """For a script element of a page: nothing in it ends the element."""
    text = json.dumps(dict(options)["publicKey"], default=dict)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _host(request: HttpRequest) -> str:
    return split_domain_port(request.get_host())[0]
